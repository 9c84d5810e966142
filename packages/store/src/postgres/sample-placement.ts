import type { HeadSamples } from './head-samples.ts';
import { packSamples, type Packs } from './pack-samples.ts';
import type { SampleHead } from './sample-heads.ts';
import type { SampleRows } from './sample-rows.ts';

/** When raw samples are packed. */
export interface PackingSettings {
  /** So many rows wait in the head of a partition before they are packed, … */
  headRowsMin: number;
  /** … and so many of each series: rows of one sample would cost more than they save. */
  packSamplesMin: number;
  /** Whatever comes of it, no more than that wait: they are remembered. */
  headRowsMax: number;
  /** Nor do they wait longer, once something comes. */
  headMsMax: number;
  /**
   * A batch with so many samples of each series is packed at once, when as many of each come with
   * what waits already, and if it has …
   */
  densePerSeriesMin: number;
  /** … so many at all. */
  denseRowsMin: number;
}

export const PACKING_DEFAULTS: PackingSettings = {
  headRowsMin: 50_000,
  packSamplesMin: 60,
  headRowsMax: 1_000_000,
  headMsMax: 600_000,
  densePerSeriesMin: 8,
  denseRowsMin: 4_000,
};

/** Where the verified samples of a batch go. */
export type Placement =
  /** Beside what waits already; none of it is touched. */
  | { kind: 'head' }
  /** All that waits goes with them: `emptied` rows of the head. */
  | { kind: 'packed'; packs: Packs; emptied: number };

/**
 * Decides it, and adds them to what is known of the head: whatever is done with them, that is what
 * lies there or is packed then.
 */
export function placeSamples(
  params: Readonly<{
    head: SampleHead;
    rows: SampleRows;
    settings: PackingSettings;
    nowUs: number;
  }>,
): Placement {
  const { head, rows, settings, nowUs } = params;
  const { samples } = head;
  const waiting = samples.count;
  const series = samples.add(rows.samples, rows.verified);
  if (samples.count === 0) return { kind: 'head' };
  // A clock that was set back must not let them wait until it has caught up.
  if (head.sinceUs === undefined || nowUs < head.sinceUs) head.sinceUs = nowUs;
  const isDue = nowUs - head.sinceUs >= settings.headMsMax * 1000;
  const isDense =
    rows.verified.length >= settings.denseRowsMin &&
    rows.verified.length >= settings.densePerSeriesMin * series &&
    samples.count >= settings.densePerSeriesMin * samples.seriesCount;
  if (!isDue && !isDense && !isFull(samples, settings)) return { kind: 'head' };
  return { kind: 'packed', packs: packSamples(samples), emptied: waiting };
}

function isFull({ count, seriesCount }: HeadSamples, settings: PackingSettings): boolean {
  if (count >= settings.headRowsMax) return true;
  return count >= settings.headRowsMin && count >= settings.packSamplesMin * seriesCount;
}
