import { notBegun, readHistory } from '@millrace/control';
import type { CompiledRules } from '@millrace/rules';
import { MillraceError } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import type { Logs } from '../archive/open-logs.ts';
import { formatTimeUs } from '../quantities.ts';
import { buildReport } from './build-report.ts';
import { previewPartition, type PartitionPreview } from './preview-partition.ts';
import type { PreviewReport } from './preview-report.ts';
import { previewRules } from './preview-rules.ts';
import { findPreviewStart } from './preview-start.ts';

/** What a preview is asked for. */
export interface PreviewSettings {
  sinceUs: number;
  /** Samples that are folded, in all partitions. */
  samplesMax: number;
  seconds: number;
}

export interface PreviewComponents {
  stream: Stream;
  /** The same with its archive in front; left out: there is none. */
  archived?: Logs['archived'];
  nowMs: () => number;
  signal: AbortSignal;
  onProgress: (samples: number) => void;
}

/** Input series of one partition that are remembered. */
const SERIES_MAX = 500_000;

/**
 * Folds the range of the log in memory under other rules, and tells what they would cost. Nothing
 * is written anywhere.
 *
 * @throws MillraceError PREVIEW_LOG_CUT, PREVIEW_NOTHING, CONTROL_…, what the log throws.
 */
export async function preview(
  components: PreviewComponents,
  file: Readonly<{ rules: CompiledRules; source: string }>,
  settings: PreviewSettings,
): Promise<PreviewReport> {
  const { stream, archived, nowMs, signal } = components;
  const inForce = (await readHistory(stream)).newest;
  if (inForce === undefined) throw notBegun();
  const rules = previewRules(file.rules, inForce, stream.partitions);
  const { sinceUs } = settings;
  const fromUs = sinceUs - inForce.settings.futureSkewUs;
  const found: PartitionPreview[] = [];
  const beganMs = nowMs();
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const share = (partition + 1) / stream.partitions;
    const done = found.reduce((sum, { samples }) => sum + samples, 0);
    const bounds = {
      // What one of them leaves over the next ones may have.
      samplesMax: settings.samplesMax * share - done,
      seriesMax: SERIES_MAX,
      endsMs: beganMs + settings.seconds * 1000 * share,
      nowMs,
    };
    // Its state is held for as long as it is folded, and no longer.
    const start = await findPreviewStart({ stream, archived, partition, fromUs, signal });
    const { onProgress: onSamples } = components;
    const how = { start, rules, sinceUs, bounds, signal, onSamples };
    found.push(await previewPartition({ stream: start.stream, partition, ...how }));
  }
  const covered = found.filter((one) => one.untilUs > one.fromUs);
  if (covered.length === 0) throw nothingCovered(found, settings);
  return buildReport({ rules, file, inForce, found, sinceUs });
}

function nothingCovered(
  found: readonly PartitionPreview[],
  { sinceUs }: PreviewSettings,
): MillraceError {
  const samples = found.reduce((sum, one) => sum + one.samples, 0);
  const isBound = found.some(({ bound }) => bound !== undefined);
  return new MillraceError({
    code: 'PREVIEW_NOTHING',
    kind: 'permanent',
    message: isBound
      ? `A bound was reached before the range began: ${samples} samples were folded, and all of ` +
        `them came before ${formatTimeUs(sinceUs)}. Nothing was changed.`
      : `Nothing came since ${formatTimeUs(sinceUs)}: there is nothing to preview with.`,
    remedy: isBound
      ? 'Give it more with --samples and --seconds; a checkpoint shortens the way the next time.'
      : 'Go back further with --since, as far as the log reaches.',
  });
}
