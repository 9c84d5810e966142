import { readEvent } from '@millrace/checkpoint';
import { newCommit, type CommitRef, type StateStore } from '@millrace/state';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import {
  decodeEventsRecord,
  decodeSeriesRecordHeader,
  EventsRecordKind,
  type SeriesRecordHeader,
} from '@millrace/wire';
import { commitHead } from './commit-head.ts';
import { newPartitionHead, type PartitionHead } from './fold/partition-state.ts';
import { discardCorrupt, outrun, type LostState } from './restore-state.ts';

interface BeginAnewParts {
  stream: Stream;
  state: StateStore;
  partition: number;
  signal: AbortSignal;
  /** Marks what takes its place: all below this is to be put out again. */
  againBelow?: number | undefined;
  /** See `RestoreParts`. */
  lookAgain?: (() => Promise<LostState>) | undefined;
  onDiscarded?: (() => void) | undefined;
}

/** A state that knows nothing, and the commit that left it. */
interface BegunAnew {
  head: PartitionHead;
  committed: CommitRef;
}

/**
 * Puts a state that knows nothing in the place of one that is lost, so that the whole log is folded
 * again. Undefined, and nothing is changed, when the log does not reach back to its first record,
 * or is not the one that the state belongs to.
 *
 * @throws MillraceError TRANSFORMER_OUTRUN (outrun) when somebody else has a state there meanwhile.
 */
export async function beginAnew(
  parts: BeginAnewParts,
  lost: LostState,
): Promise<BegunAnew | undefined> {
  const { stream, state, partition, againBelow } = parts;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  if (start > 0 || end === 0) return undefined;
  const first = decodeEventsRecord(await readEvent(parts, 0));
  if (first.kind !== EventsRecordKind.log) return undefined;
  const { logId } = first;
  if (isOfOther(lost, logId)) return undefined;
  const logNumber = await findLogNumber(parts, logId);
  const now = (await parts.lookAgain?.()) ?? lost;
  if (isOfOther(now, logId)) throw outrun(partition);
  const committed = now.kind === 'unusable' ? now.committed : undefined;
  if (now.kind === 'corrupt') await discardCorrupt(parts);
  const head = newPartitionHead(logId, logNumber);
  if (againBelow !== undefined) head.againBelow = againBelow;
  const next = newCommit({ logId, position: 0 });
  const outcome = await commitHead(state, { partition, committed, head, next });
  if (outcome === 'outrun') throw outrun(partition);
  return { head, committed: next };
}

function isOfOther(lost: LostState, logId: string): boolean {
  return lost.kind === 'unusable' && lost.committed.logId !== logId;
}

/**
 * The number under which a log's entries are put out. A state that is lost cannot tell it, and
 * what was put out before can: pieces of two logs under one number would take each other's place.
 */
export async function findLogNumber(
  parts: Omit<BeginAnewParts, 'state'>,
  logId: string,
): Promise<number> {
  const last = await readLastHeader(parts);
  if (last === undefined) return 1;
  return last.logId === logId ? last.logNumber : last.logNumber + 1;
}

/** Of the newest record that was put out for a partition; undefined: nothing was, or all is gone. */
export async function readLastHeader({
  stream,
  partition,
  signal,
}: Omit<BeginAnewParts, 'state'>): Promise<SeriesRecordHeader | undefined> {
  const { start, end } = await stream.bounds(TOPIC_SERIES, partition);
  if (start === end) return undefined;
  const reader = stream.reader(TOPIC_SERIES, partition, end - 1);
  try {
    for (;;) {
      // What lies below the end is there; a reader may still need a moment to see it.
      const [record] = await reader.next({ bytesMax: 1, waitMs: 1000, signal });
      if (record !== undefined) return decodeSeriesRecordHeader(record.payload);
    }
  } finally {
    await reader.close();
  }
}
