import {
  newestFirst,
  readCheckpoint,
  whyUnusable,
  type PlacedManifest,
} from '@millrace/checkpoint';
import { errorKind, MillraceError } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { STATE_VERSIONS_READ } from '@millrace/transformer';
import { loadPages, newPartitionHead, type LoadedState } from '@millrace/transformer/fold';
import { formatTimeUs } from '../quantities.ts';

/** Where the fold of one partition begins. */
export interface PreviewStart {
  position: number;
  /** When its checkpoint was made; undefined: it is the log's beginning. */
  madeAtUs: number | undefined;
  load(): LoadedState;
}

interface Wanted {
  stream: Stream;
  partition: number;
  /** No sample that the range needs lies in a record of an earlier partition time. */
  fromUs: number;
  signal: AbortSignal;
}

/**
 * The newest usable checkpoint of before the range, or the log's beginning when it is all there.
 *
 * @throws MillraceError PREVIEW_LOG_CUT, which says from when on it would work.
 */
export async function findPreviewStart(wanted: Wanted): Promise<PreviewStart> {
  const { stream, partition, fromUs, signal } = wanted;
  const place = { stream, partition, signal };
  let oldestUs = Infinity;
  for await (const placed of newestFirst(place)) {
    const { manifest } = placed;
    if ((await whyUnusable(place, manifest, STATE_VERSIONS_READ)) !== undefined) continue;
    oldestUs = Math.min(oldestUs, manifest.partitionTimeUs);
    if (manifest.partitionTimeUs > fromUs) continue;
    const pages = await readWhole(place, placed);
    if (pages === undefined) continue;
    const { position, madeAtUs } = manifest;
    return { position, madeAtUs, load: () => loadPages(pages) };
  }
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  if (start > 0) throw logCut(wanted, start, oldestUs);
  return {
    ...{ position: 0, madeAtUs: undefined },
    load: () => ({ head: newPartitionHead('0'.repeat(32), 1), tables: undefined }),
  };
}

/** Undefined: it is damaged, and another one has to do. */
async function readWhole(
  place: Parameters<typeof readCheckpoint>[0],
  placed: PlacedManifest,
): Promise<Awaited<ReturnType<typeof readCheckpoint>> | undefined> {
  try {
    return await readCheckpoint(place, placed);
  } catch (error) {
    if (errorKind(error) !== 'permanent') throw error;
    return undefined;
  }
}

function logCut({ partition, fromUs }: Wanted, start: number, oldestUs: number): MillraceError {
  const isSome = Number.isFinite(oldestUs);
  const there = isSome
    ? `the oldest usable checkpoint is of ${formatTimeUs(oldestUs)}`
    : 'and there is no usable checkpoint';
  return new MillraceError({
    code: 'PREVIEW_LOG_CUT',
    kind: 'permanent',
    message:
      `Partition ${partition} cannot be folded from ${formatTimeUs(fromUs)} on: its log begins ` +
      `at offset ${start}, because what is before is past its retention, ${there}. ` +
      'Nothing was changed.',
    remedy: isSome
      ? 'Ask for less: a little later than that, for example with --since 10m.'
      : 'Run "millrace checkpoint now", wait as long as --since reaches back, and ask again.',
  });
}
