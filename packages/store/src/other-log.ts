import { compareAddress, ADDRESS_ZERO, formatAddress } from '@millrace/model';
import type { MarkKey, StoredMark } from './store.ts';
import { StoreError, StoreErrorCode } from './store-error.ts';

/** The mark of a partition and source belongs to another log than the one at hand. */
export function otherLog(key: MarkKey, known: StoredMark): StoreError {
  const upTo =
    compareAddress(known.mark, ADDRESS_ZERO) === 0
      ? 'and has nothing of it yet'
      : `up to ${formatAddress(known.mark)}`;
  return new StoreError({
    code: StoreErrorCode.otherLog,
    kind: 'permanent',
    message:
      `The log and the store do not belong together: partition ${key.partition} (${key.source}) ` +
      `of the store belongs to log ${known.logId} ${upTo}, and the log at hand is ${key.logId}. ` +
      'Nothing was applied, skipped or lost; both are as they were.',
    remedy:
      'Bring back the log or the store that belongs to the other. If the old log is gone for ' +
      'good, run `millrace setup --accept-new-log`: the store keeps what it has and goes on ' +
      'with the new log from its beginning.',
  });
}
