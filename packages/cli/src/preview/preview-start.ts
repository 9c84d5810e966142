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
import type { Logs } from '../archive/open-logs.ts';
import { formatTimeUs } from '../quantities.ts';

/** Where the fold of one partition begins. */
export interface PreviewStart {
  position: number;
  /** When its checkpoint was made; undefined: it is the log's beginning. */
  madeAtUs: number | undefined;
  load(): LoadedState;
  /** What it is read from. */
  stream: Stream;
  /** The archive that it is in front of; undefined: the log alone has it all. */
  archive: string | undefined;
}

interface Wanted {
  stream: Stream;
  archived?: Logs['archived'];
  partition: number;
  /** No sample that the range needs lies in a record of an earlier partition time. */
  fromUs: number;
  signal: AbortSignal;
}

/**
 * The newest usable checkpoint of before the range, or the log's beginning when it is all there.
 * The archive is asked when the log reaches back too little, and not before: it may be away.
 *
 * @throws MillraceError PREVIEW_LOG_CUT, which says from when on it would work; ARCHIVE_….
 */
export async function findPreviewStart(wanted: Wanted): Promise<PreviewStart> {
  const { archived } = wanted;
  try {
    return { ...(await findStartIn(wanted)), archive: undefined };
  } catch (error) {
    const isCut = error instanceof MillraceError && error.code === 'PREVIEW_LOG_CUT';
    if (!isCut || archived === undefined) throw error;
    const { stream, where } = archived;
    return { ...(await findStartIn({ ...wanted, stream })), archive: where };
  }
}

async function findStartIn(wanted: Wanted): Promise<Omit<PreviewStart, 'archive'>> {
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
    return { stream, position, madeAtUs, load: () => loadPages(pages) };
  }
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  if (start > 0) throw logCut(wanted, start, oldestUs);
  return {
    ...{ stream, position: 0, madeAtUs: undefined },
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

function logCut(
  { archived, stream, partition, fromUs }: Wanted,
  start: number,
  oldestUs: number,
): MillraceError {
  const isSome = Number.isFinite(oldestUs);
  const there = isSome
    ? `the oldest usable checkpoint is of ${formatTimeUs(oldestUs)}`
    : 'and there is no usable checkpoint';
  const inArchive =
    archived?.stream === stream
      ? `The archive ${archived.where} does not reach back further.`
      : 'No archive is set here (MILLRACE_ARCHIVE__URL) that may reach back further.';
  return new MillraceError({
    code: 'PREVIEW_LOG_CUT',
    kind: 'permanent',
    message:
      `Partition ${partition} cannot be folded from ${formatTimeUs(fromUs)} on: its log begins ` +
      `at offset ${start}, because what is before is past its retention, ${there}. ` +
      `${inArchive} Nothing was changed.`,
    remedy: isSome
      ? 'Ask for less: a little later than that, for example with --since 10m.'
      : 'Run "millrace checkpoint now", wait as long as --since reaches back, and ask again.',
  });
}
