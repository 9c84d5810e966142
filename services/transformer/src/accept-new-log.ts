import type { StateStore } from '@millrace/state';
import { loadPages, takePages } from './fold/partition-state.ts';

/**
 * Lets a partition's state go on with another log, from its first record: what it remembers for
 * dedupe, its open pieces and its totals stay. Returns the new log number, or undefined when
 * there is no state.
 */
export async function acceptNewLog(
  state: StateStore,
  partition: number,
  newLogId: string,
): Promise<number | undefined> {
  const committed = await state.load(partition);
  if (committed === undefined) return undefined;
  const { head, tables } = loadPages(committed.pages);
  if (head.logId === newLogId) return head.logNumber;
  head.logId = newLogId;
  head.logNumber += 1;
  head.position = 0;
  head.lastDigest = '';
  await state.commit({
    partition,
    expected: { logId: committed.logId, position: committed.position },
    next: { logId: newLogId, position: 0 },
    pages: takePages(head, tables),
  });
  return head.logNumber;
}
