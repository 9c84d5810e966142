import type { HeadSamples } from './head-samples.ts';
import type { OrderRoom } from './order-room.ts';
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
   * Full heads of two partitions are packed so far apart. The second one waits meanwhile, until it
   * is fuller by half.
   */
  packApartMs: number;
  /**
   * A batch with so many samples of each series (fewer, where a full head would hardly have more)
   * is packed at once, when as many of each come with what waits already, and if it has …
   */
  densePerSeriesMin: number;
  /** … so many at all. */
  denseRowsMin: number;
  /**
   * So many of each of many series are worth collecting: a row of twenty samples costs hardly more
   * than one of ten.
   */
  longPerSeries: number;
}

export const PACKING_DEFAULTS: PackingSettings = {
  headRowsMin: 50_000,
  packSamplesMin: 60,
  headRowsMax: 1_000_000,
  headMsMax: 600_000,
  packApartMs: 2000,
  densePerSeriesMin: 8,
  denseRowsMin: 4_000,
  longPerSeries: 16,
};

/** Where the verified samples of a batch go. */
export type Placement = (InHead | Packed) &
  Readonly<{
    /**
     * A batch of these series with so many samples would have `longPerSeries` of each, so that it
     * is packed at once, in rows worth their price. 0: that is not worth waiting for, because a
     * head of so few series is soon full of long rows as well.
     */
    cheaperFrom: number;
  }>;

/** Beside what waits already; none of it is touched. */
interface InHead {
  kind: 'head';
}

/** All that waits goes with them: `emptied` rows of the head. */
interface Packed {
  kind: 'packed';
  packs: Packs;
  emptied: number;
}

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
    /** Whether it is this head's turn to be packed because it is full; asked only then. */
    isTurn: () => boolean;
    /** Where packs lie until they are written; asked for when there are any. */
    room: () => OrderRoom;
  }>,
): Placement {
  const { head, rows, settings, nowUs, isTurn, room } = params;
  const { samples } = head;
  const waiting = samples.count;
  const series = samples.meet(rows.samples, rows.verified);
  if (samples.count === 0) return { kind: 'head', cheaperFrom: 0 };
  // A clock that was set back must not let them wait until it has caught up.
  if (head.sinceUs === undefined || nowUs < head.sinceUs) head.sinceUs = nowUs;
  const isDue = nowUs - head.sinceUs >= settings.headMsMax * 1000;
  const perSeries = densePerSeries(samples, settings);
  const isDense =
    rows.verified.length >= settings.denseRowsMin &&
    rows.verified.length >= perSeries.ofBatch * series &&
    samples.count >= perSeries.inAll * samples.seriesCount;
  const isOfMany = settings.densePerSeriesMin * samples.seriesCount > settings.headRowsMin;
  const cheaperFrom = isOfMany ? settings.longPerSeries * samples.seriesCount : 0;
  if (!isDue && !isDense && !mustNotGrow(samples, settings, isTurn)) {
    samples.keep();
    return { kind: 'head', cheaperFrom };
  }
  return {
    kind: 'packed',
    packs: packSamples(samples, room()),
    emptied: waiting,
    cheaperFrom,
  };
}

/** Of what a full head would have of each of very many series. */
const DENSE_SHARE = 0.5;
/** Of that what the batch itself brings: the rest may wait already. */
const DENSE_BATCH_SHARE = 2 / 3;

/**
 * Where a full head has few samples of each series, a batch does not gain by waiting in it: with an
 * index of a quarter of a million series each of them costs there, until it is deleted, three
 * quarters of what a row costs, which is all that it can share with those that follow.
 */
function densePerSeries(
  { seriesCount }: HeadSamples,
  { densePerSeriesMin, headRowsMax }: PackingSettings,
): Readonly<{ inAll: number; ofBatch: number }> {
  const ofFull = (DENSE_SHARE * headRowsMax) / seriesCount;
  return ofFull < densePerSeriesMin
    ? { inAll: ofFull, ofBatch: DENSE_BATCH_SHARE * ofFull }
    : { inAll: densePerSeriesMin, ofBatch: densePerSeriesMin };
}

/** So many times full, it is packed whether or not it is its turn. */
const OVERFULL = 1.5;

function mustNotGrow(
  { count, seriesCount }: HeadSamples,
  settings: PackingSettings,
  isTurn: () => boolean,
): boolean {
  if (count >= settings.headRowsMax) return true;
  const full = Math.max(settings.headRowsMin, settings.packSamplesMin * seriesCount);
  return count >= OVERFULL * full || (count >= full && isTurn());
}
