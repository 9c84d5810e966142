import { readEvent, recordDigest, type PassedOver } from '@millrace/checkpoint';
import { ADDRESS_ZERO } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import {
  commitRefOf,
  isCorruptState,
  type CommitRef,
  type CommittedState,
  type StateStore,
} from '@millrace/state';
import {
  STREAM_CODES,
  StreamError,
  TOPIC_EVENTS,
  type PartitionBounds,
  type Stream,
} from '@millrace/stream';
import { LIVE_SOURCE, SeriesRecordBuilder } from '@millrace/wire';
import { beginAnew, findLogNumber } from './begin-anew.ts';
import { isToPutOutAgain } from './fold/again-below.ts';
import { FOLD_VERSION, PartitionFold } from './fold/partition-fold.ts';
import {
  loadPages,
  newPartitionHead,
  type FoldTables,
  type PartitionHead,
} from './fold/partition-state.ts';
import { logIdOf } from './log-id.ts';
import { restoreState, type LostState, type RestoredCheckpoint } from './restore-state.ts';
import { expired, logIsShorter, otherHistory, otherLog } from './take-over-errors.ts';

/** A partition ready to be folded on from `fold.head.position`. */
export interface OwnedPartition {
  fold: PartitionFold;
  builder: SeriesRecordBuilder;
  /** What the state store holds; undefined: nothing yet. */
  committed: CommitRef | undefined;
}

/** The same, as it was found. */
export interface TakenOver extends OwnedPartition {
  /** What its records are read from: the log, or that with its archive in front. */
  from: Stream;
}

interface TakeOverParts {
  stream: Stream;
  /** The same log with its archive in front; left out: there is none. */
  archived?: Stream | undefined;
  state: StateStore;
  partition: number;
  recordBytesMax: number;
  signal: AbortSignal;
  /** Told of a checkpoint that was of no use while one was needed. */
  onPassedOver: (passedOver: PassedOver) => void;
  /** Told when a checkpoint took the place of the state, and why it had to. */
  onRestored: (checkpoint: RestoredCheckpoint, why: string) => void;
  /** Told when there was none, and the whole log is folded again instead. */
  onBegunAnew: (why: string) => void;
  /** Told when it goes on before the log's beginning, in the archive, and why it has to. */
  onArchived: (position: number, why: string) => void;
}

/** What a state was before anything was folded on. */
interface Found {
  head: PartitionHead;
  tables: FoldTables | undefined;
  committed: OwnedPartition['committed'];
}

/**
 * Loads the state and checks that it belongs to the log that is there; when it is lost, the newest
 * checkpoint takes its place, and where the log begins too late for all that is left, the archive
 * has what lies between. Never skips a record.
 */
export async function takeOver(parts: TakeOverParts): Promise<TakenOver | undefined> {
  const found = await findStateAnywhere(parts);
  if (found === undefined) return undefined;
  const { head, tables, committed, from } = found;
  const builder = new SeriesRecordBuilder(
    {
      logId: head.logId,
      logNumber: head.logNumber,
      source: LIVE_SOURCE,
      foldVersion: tables?.barrier.foldVersion ?? FOLD_VERSION,
    },
    { ...ADDRESS_ZERO, offset: head.position },
    parts.recordBytesMax,
  );
  return { fold: new PartitionFold(head, tables, builder), builder, committed, from };
}

/** The archive is asked last: everything else is quicker, and it may be away. */
async function findStateAnywhere(
  parts: TakeOverParts,
): Promise<(Found & Pick<TakenOver, 'from'>) | undefined> {
  const { stream, archived, partition, onArchived } = parts;
  try {
    const found = await findState(parts);
    return found && { ...found, from: stream };
  } catch (error) {
    if (archived === undefined || !(isLost(error) || isCorruptState(error))) throw error;
    // A log that is all there has nothing before it.
    if ((await stream.bounds(TOPIC_EVENTS, partition)).start === 0) throw error;
    const found = await findState({ ...parts, stream: archived });
    if (found === undefined) throw error;
    onArchived(found.head.position, (error as Error).message);
    return { ...found, from: archived };
  }
}

/** Undefined: there is neither a state nor a log yet. */
async function findState(parts: TakeOverParts): Promise<Found | undefined> {
  const { stream, state, partition } = parts;
  let committed: CommittedState | undefined;
  try {
    committed = await state.load(partition);
  } catch (error) {
    if (!isCorruptState(error)) throw error;
    return await restored(parts, { kind: 'corrupt' }, error);
  }
  const bounds = await stream.bounds(TOPIC_EVENTS, partition);
  if (committed === undefined) {
    if (bounds.end === 0) return undefined;
    const isReleased = bounds.start > 0;
    const none = { kind: 'none' } as const;
    if (isReleased) return await restored(parts, none, expired(partition, 0, bounds.start));
    // All of the log is there, and a checkpoint is the quicker way all the same.
    const quicker = await restoredIfAny(parts, none, 'there was none');
    if (quicker !== undefined) return quicker;
    const logId = await logIdOf(parts);
    const head = newPartitionHead(logId, await findLogNumber(parts, logId));
    return { head, tables: undefined, committed: undefined };
  }
  try {
    return { ...(await knownHead(parts, bounds, committed)), committed: commitRefOf(committed) };
  } catch (error) {
    if (!isLost(error) || isWaitedFor(error, committed)) throw error;
    return await restored(parts, { kind: 'unusable', committed }, error);
  }
}

/** Reasons for which a checkpoint helps; for all others log and state do not belong together. */
const LOST_CODES: readonly string[] = ['TRANSFORMER_EXPIRED', 'STATE_INCOMPLETE', 'STATE_VERSION'];

function isLost(error: unknown): boolean {
  return error instanceof MillraceError && LOST_CODES.includes(error.code);
}

/** What a person put back: a newer checkpoint would skip what is to be put out again. */
function isWaitedFor(error: unknown, { pages }: CommittedState): boolean {
  const isExpired = error instanceof MillraceError && error.code === 'TRANSFORMER_EXPIRED';
  return isExpired && isToPutOutAgain(pages);
}

async function restored(parts: TakeOverParts, lost: LostState, reason: unknown): Promise<Found> {
  const why = reason instanceof Error ? reason.message : String(reason);
  return (await restoredIfAny(parts, lost, why)) ?? (await foldedAgain(parts, lost, why, reason));
}

/** Of all that is left, the whole log. What an older program cannot read it does not replace. */
async function foldedAgain(
  parts: TakeOverParts,
  lost: LostState,
  why: string,
  reason: unknown,
): Promise<Found> {
  const isNewer = reason instanceof MillraceError && reason.code === 'STATE_VERSION';
  const begun = isNewer ? undefined : await beginAnew(parts, lost);
  if (begun === undefined) throw reason;
  parts.onBegunAnew(why);
  return { ...begun, tables: undefined };
}

async function restoredIfAny(
  parts: TakeOverParts,
  lost: LostState,
  why: string,
): Promise<Found | undefined> {
  const found = await restoreState(parts, lost);
  if (found === undefined) return undefined;
  const { head, tables, committed, checkpoint } = found;
  parts.onRestored(checkpoint, why);
  return { head, tables, committed };
}

async function knownHead(
  parts: TakeOverParts,
  bounds: PartitionBounds,
  committed: CommittedState,
): Promise<{ head: PartitionHead; tables: FoldTables | undefined }> {
  const { partition } = parts;
  const { logId, position } = committed;
  if (bounds.end === 0) throw otherLog(partition, logId, 'an empty one');
  if (bounds.start === 0) {
    const found = await logIdOf(parts);
    if (found !== logId) throw otherLog(partition, logId, found);
  }
  if (position > bounds.end) throw logIsShorter(partition, position, bounds.end);
  if (position < bounds.start) throw expired(partition, position, bounds.start);
  const loaded = loadPages(committed.pages);
  const before = position - 1;
  if (before >= bounds.start && loaded.head.lastDigest !== '') {
    const digest = recordDigest(await readEvent(parts, before));
    if (digest !== loaded.head.lastDigest) throw otherHistory(partition, before);
  }
  return loaded;
}

/**
 * What was loaded was sound: what it became is found out by loading it again. So it is when the
 * log has forgotten where an owner stands that slept: somebody else has committed what it had to
 * fold, or nothing would have been forgotten.
 */
export function loadAgainWhenOutdated(error: unknown, partition: number): never {
  if (error instanceof StreamError && error.code === STREAM_CODES.outOfRange) {
    throw new MillraceError({
      code: 'TRANSFORMER_OUTRUN',
      kind: 'outrun',
      message: `${error.message} The state of partition ${partition} is loaded again.`,
      cause: error,
    });
  }
  if (!isCorruptState(error) || !(error instanceof MillraceError)) throw error;
  throw new MillraceError({
    code: 'TRANSFORMER_STATE_DAMAGED',
    kind: 'outrun',
    message: `${error.message} It is loaded again, or made again from a checkpoint.`,
    cause: error,
  });
}

/** What a partition waits for while `takeOver` finds no log. */
export function notSetUp(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NOT_SET_UP',
    kind: 'transient',
    message:
      `Partition ${partition} of metrics.events is empty: nobody has begun this log yet, so ` +
      'there is nothing to fold.',
    remedy: 'Run "millrace setup"; the transformer goes on by itself.',
  });
}
