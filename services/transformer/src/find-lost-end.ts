import { readEvent, recordDigest } from '@millrace/checkpoint';
import type { MillraceError } from '@millrace/runtime';
import { isCorruptState, type StateStore } from '@millrace/state';
import { TOPIC_EVENTS } from '@millrace/stream';
import { loadPages } from './fold/partition-state.ts';
import { findLogId, type LogPlace } from './log-id.ts';
import { logIsShorter, otherHistory } from './take-over-errors.ts';

/**
 * Why its owner would not go on from a state, where that is because the log lost what was folded;
 * undefined: it is not for that. Changes nothing.
 */
export async function findLostEnd(
  parts: LogPlace & Readonly<{ state: StateStore }>,
): Promise<MillraceError | undefined> {
  const { stream, state, partition } = parts;
  try {
    const committed = await state.load(partition);
    if (committed === undefined || committed.logId !== (await findLogId(parts))) return undefined;
    const { position, pages } = committed;
    const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
    if (position > end) return logIsShorter(partition, position, end);
    const { lastDigest } = loadPages(pages).head;
    const before = position - 1;
    if (before < start || lastDigest === '') return undefined;
    const digest = recordDigest(await readEvent(parts, before));
    return digest === lastDigest ? undefined : otherHistory(partition, before);
  } catch (error) {
    // Of no use to anybody: a checkpoint takes its place.
    if (isCorruptState(error)) return undefined;
    throw error;
  }
}
