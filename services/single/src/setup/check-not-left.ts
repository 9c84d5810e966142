import { MillraceError, partitionsText } from '@millrace/runtime';
import type { StoredPosition } from '@millrace/store';

/** A partition, the log that is there, and its marks that belong to another one. */
type Found = Readonly<{
  partition: number;
  logId: string | undefined;
  marks: readonly Readonly<{ source: string; logId: string }>[];
}>;

/**
 * A log that the store went on from has its rows there, below a mark that is closed for ever:
 * folded again from its first record, all of them would come a second time.
 *
 * @throws MillraceError SETUP_LOG_BEFORE
 */
export function checkNotLeft(found: readonly Found[], positions: readonly StoredPosition[]): void {
  const left = found.filter(({ partition, logId, marks }) =>
    positions.some(
      (row) =>
        row.partition === partition &&
        row.logId === logId &&
        marks.some(({ source }) => source === row.source),
    ),
  );
  const [first] = left;
  if (first === undefined) return;
  const which = partitionsText(left.map(({ partition }) => partition));
  const newest = first.marks[0]?.logId;
  throw new MillraceError({
    code: 'SETUP_LOG_BEFORE',
    kind: 'permanent',
    message:
      `The log of ${which} (${first.logId}) is one that the store had before, and went on from ` +
      `to log ${newest}. What came of it is stored, and would be stored once more. Nothing was ` +
      'changed.',
    remedy:
      `Put log ${newest} back to go on with it. To go on with this one, put back state and store ` +
      'as they were when they belonged to it, or begin with an empty data directory or database ' +
      'and this log: all of it is folded again, if it reaches back to its first record. What the ' +
      'other log brought meanwhile can be sent again with "millrace backfill".',
  });
}
