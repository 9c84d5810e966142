import { LOG_NUMBER_MAX } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import type { CommittedState, StateStore } from '@millrace/state';
import { commitHead } from './commit-head.ts';
import { loadPages, newPartitionHead, takePages } from './fold/partition-state.ts';

/** What `acceptNewLog` made of a partition's state. */
export interface AcceptedLog {
  logNumber: number;
  /**
   * True when the state had folded the new log under a number that another log has in the store:
   * it is folded again from its first record, and what it put out before must be removed.
   */
  isFoldedAgain: boolean;
}

/**
 * Lets a partition's state go on with another log, from its first record, under a number above
 * `afterLogNumber` (the highest that the store has; 0 when it has none): what it remembers for
 * dedupe and its open pieces stay, and so do editions that the new log's rules have as well.
 * Totals begin anew, because the store adds those of all logs.
 *
 * @throws MillraceError TRANSFORMER_LOG_NUMBER when there have been too many logs.
 */
export async function acceptNewLog(
  state: StateStore,
  partition: number,
  newLogId: string,
  afterLogNumber: number,
): Promise<AcceptedLog> {
  const committed = await state.load(partition);
  if (committed === undefined) {
    const logNumber = checked(afterLogNumber + 1, partition);
    const head = newPartitionHead(newLogId, logNumber);
    checkOutcome(partition, await commitHead(state, { partition, committed, head }));
    return { logNumber, isFoldedAgain: false };
  }
  const { head, tables } = loadPages(committed.pages);
  if (head.logId === newLogId && head.logNumber > afterLogNumber) {
    return { logNumber: head.logNumber, isFoldedAgain: false };
  }
  const logNumber = checked(Math.max(head.logNumber, afterLogNumber) + 1, partition);
  if (head.logId === newLogId) {
    const again = newPartitionHead(newLogId, logNumber);
    checkOutcome(partition, await commitHead(state, { partition, committed, head: again }));
    return { logNumber, isFoldedAgain: true };
  }
  Object.assign(head, { logId: newLogId, logNumber, position: 0, lastDigest: '' });
  delete head.againBelow;
  if (tables !== undefined) {
    // The new log's first barrier follows none: it is taken whatever number the old one was at.
    tables.barrier = { ...tables.barrier, number: 0 };
    tables.ledger.reset();
    // Offsets begin anew too.
    tables.losses.startBehind(-1);
  }
  await commit(state, partition, committed, takePages(head, tables), newLogId);
  return { logNumber, isFoldedAgain: false };
}

/** A log number above the largest would make names of pieces equal. */
function checked(logNumber: number, partition: number): number {
  if (logNumber <= LOG_NUMBER_MAX) return logNumber;
  throw new MillraceError({
    code: 'TRANSFORMER_LOG_NUMBER',
    kind: 'permanent',
    message:
      `Partition ${partition} has had ${LOG_NUMBER_MAX} logs, and its windows have no names for ` +
      'those of another one. Nothing was changed.',
    remedy: 'Start with a new data directory and a new database; both old ones can be kept.',
  });
}

async function commit(
  state: StateStore,
  partition: number,
  committed: CommittedState,
  pages: ReadonlyMap<string, Uint8Array | undefined>,
  logId: string,
): Promise<void> {
  const outcome = await state.commit({
    partition,
    expected: committed,
    next: { logId, position: 0 },
    pages,
  });
  checkOutcome(partition, outcome);
}

function checkOutcome(partition: number, outcome: 'committed' | 'outrun'): void {
  if (outcome === 'committed') return;
  throw new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message: `Somebody else committed partition ${partition} meanwhile; nothing was changed.`,
    remedy: 'Stop whatever works on this state, then do it again.',
  });
}
