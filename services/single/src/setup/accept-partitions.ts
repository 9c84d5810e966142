import { errorText, MillraceError } from '@millrace/runtime';
import type { StatePositionReader, StateStore } from '@millrace/state';
import type { MarkKey, Store, StoredMark, StoredPosition, StoreReader } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { acceptNewLog, findLostEnd, type AcceptedLog } from '@millrace/transformer';
import { checkNotAhead, WRITER_CODES } from '@millrace/writer';
import { checkNotLeft } from './check-not-left.ts';

type PositionedState = StateStore & StatePositionReader;
type AcceptingStore = Pick<Store, 'marks'> & { acceptLog(key: MarkKey): Promise<void> };

/** What is known of one partition, and what going on with its present log takes. */
export interface AcceptedPartition {
  partition: number;
  /** The log that is there; undefined: its beginning is forgotten, so it is not a new one. */
  logId: string | undefined;
  /** The number it has or gets. */
  logNumber: number | undefined;
  /** Its records were folded under another number before; they are folded again. */
  isFoldedAgain: boolean;
  /**
   * Why state or store do not belong to this log although it is theirs by its id: it lost its end.
   * There is nothing to accept then.
   */
  lostEnd: string | undefined;
  /** Of the state, when that belongs to another log. */
  state: { logId: string; position: number } | undefined;
  /** Of each source of the store that belongs to another log. */
  marks: { source: string; logId: string; logNumber: number; offset: number }[];
}

/**
 * Lets state and store of every partition go on with the log that is there. With `isPlan` nothing
 * is changed. Nothing may work on them meanwhile.
 *
 * @throws MillraceError SETUP_LOG_BEFORE when the store went on from that log to another one.
 */
export async function acceptPartitions(
  parts: Readonly<{
    stream: Stream;
    state: PositionedState;
    store: AcceptingStore;
    reader: StoreReader;
    logIds: readonly (string | undefined)[];
    isPlan: boolean;
  }>,
): Promise<AcceptedPartition[]> {
  const { stream, state, store, reader, logIds, isPlan } = parts;
  const accepted: AcceptedPartition[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const logId = logIds[partition];
    accepted.push(await lookAt({ stream, state, store, partition, logId }));
  }
  // Before the state of any partition goes on with a log that the store refuses.
  checkNotLeft(accepted, await readPositions(reader));
  if (isPlan) return accepted;
  for (const found of accepted) Object.assign(found, await accept(state, store, found));
  return accepted;
}

async function readPositions(reader: StoreReader): Promise<readonly StoredPosition[]> {
  const snapshot = await reader.snapshot();
  try {
    return await snapshot.positions();
  } finally {
    await snapshot.close();
  }
}

async function lookAt(
  parts: Readonly<{
    stream: Stream;
    state: PositionedState;
    store: AcceptingStore;
    partition: number;
    logId: string | undefined;
  }>,
): Promise<AcceptedPartition> {
  const { stream, state, store, partition, logId } = parts;
  const committed = await state.readPosition(partition);
  const stored = await store.marks(partition);
  const marks = [...stored];
  const isOther = (other: { logId: string }): boolean =>
    logId !== undefined && other.logId !== logId;
  return {
    partition,
    logId,
    logNumber: undefined,
    isFoldedAgain: false,
    lostEnd: await whyLostEnd({ stream, state, partition }, stored),
    state: committed !== undefined && isOther(committed) ? committed : undefined,
    marks: marks
      .filter(([, mark]) => isOther(mark))
      .map(([source, mark]) => ({ source, ...describeMark(mark) })),
  };
}

async function whyLostEnd(
  place: Readonly<{ stream: Stream; state: PositionedState; partition: number }>,
  stored: ReadonlyMap<string, StoredMark>,
): Promise<string | undefined> {
  const { signal } = new AbortController();
  try {
    await checkNotAhead(place, stored, signal);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== WRITER_CODES.ahead) throw error;
    return errorText(error);
  }
  const lost = await findLostEnd({ ...place, signal });
  return lost && errorText(lost);
}

function describeMark({ logId, logNumber, mark }: StoredMark): {
  logId: string;
  logNumber: number;
  offset: number;
} {
  return { logId, logNumber, offset: mark.offset };
}

/** State first: until the store follows, the writer only refuses, and this can be done again. */
async function accept(
  state: PositionedState,
  store: AcceptingStore,
  found: AcceptedPartition,
): Promise<AcceptedLog | undefined> {
  const { partition, logId, marks } = found;
  if (logId === undefined || (found.state === undefined && marks.length === 0)) return undefined;
  const afterLogNumber = Math.max(0, ...marks.map(({ logNumber }) => logNumber));
  const { logNumber, isFoldedAgain } = await acceptNewLog(state, partition, logId, afterLogNumber);
  for (const { source } of marks) {
    await store.acceptLog({ logId, logNumber, partition, source });
  }
  return { logNumber, isFoldedAgain };
}
