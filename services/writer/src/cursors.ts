import { ADDRESS_ZERO, compareAddress, type Address } from '@millrace/model';
import type { MarkKey, StoredMark } from '@millrace/store';
import type { SeriesRecordHeader } from '@millrace/wire';
import { otherLogNumber } from './writer-errors.ts';

/** What comes next of one source. */
export interface Cursor {
  key: MarkKey;
  /** The address up to which everything is taken: applied, or in a batch before. */
  next: Address;
  /** False when the store had no mark of this log and source. */
  hasMark: boolean;
}

/** How a record lies to what is taken already. */
export type Verdict = 'below' | 'covers' | 'gap';

/** What comes next of every source of a partition, starting from the store's marks. */
export class Cursors {
  readonly #partition: number;
  readonly #bySource = new Map<string, Cursor>();
  /** Log ids of the sources of which nothing more is taken. */
  readonly #closed = new Map<string, string>();
  /** Sources of which entries are missing, while the partition goes on without them. */
  readonly #aside = new Set<string>();
  /** By source, where the record lies that continues it: nothing of its log before that one does. */
  readonly #continuedAt = new Map<string, Readonly<{ logId: string; offset: number }>>();

  constructor(partition: number, marks: ReadonlyMap<string, StoredMark>) {
    this.#partition = partition;
    for (const [source, { logId, logNumber, mark, isClosed }] of marks) {
      if (isClosed === true) this.#closed.set(source, logId);
      const key = { logId, logNumber, partition, source };
      this.#bySource.set(source, { key, next: mark, hasMark: true });
    }
  }

  /**
   * The cursor of a record's source and log. Of a log without a mark it is a new one: whether the
   * store accepts that log is the store's to say, and everything of it is offered until then.
   */
  at(header: SeriesRecordHeader): Cursor {
    const { logId, logNumber, source } = header;
    const known = this.#bySource.get(source);
    if (known?.key.logId === logId) {
      const { logNumber: number } = known.key;
      if (number !== logNumber) throw otherLogNumber({ logId, known: number, found: logNumber });
      return known;
    }
    const key = { logId, logNumber, partition: this.#partition, source };
    return { key, next: ADDRESS_ZERO, hasMark: false };
  }

  /** Everything below `to` of the cursor's source is taken. */
  advance(cursor: Cursor, to: Address): void {
    cursor.next = to;
    // The first batch of a new log opens its mark; those after it need not.
    cursor.hasMark = true;
    this.#bySource.set(cursor.key.source, cursor);
  }

  /** What does not continue its source is passed over, until something does. */
  setAside(cursor: Cursor): void {
    this.#aside.add(cursor.key.source);
  }

  /** What lies before `offset` of the log does not continue the cursor's source. */
  continuesAt(cursor: Cursor, offset: number): void {
    this.#continuedAt.set(cursor.key.source, { logId: cursor.key.logId, offset });
  }

  /** Of the record at `offset` of the log. */
  verdict(header: SeriesRecordHeader, offset: number): Verdict {
    const continued = this.#continuedAt.get(header.source);
    if (continued?.logId === header.logId && offset < continued.offset) return 'below';
    const { next } = this.at(header);
    // Whatever it holds: a job that was dropped on the way leaves a gap.
    if (this.#closed.get(header.source) === header.logId) return 'below';
    if (compareAddress(header.to, next) <= 0) return 'below';
    const isAside = this.#aside.has(header.source);
    if (compareAddress(header.from, next) > 0) return isAside ? 'below' : 'gap';
    if (isAside) this.#aside.delete(header.source);
    return 'covers';
  }
}

/** Whether a record continues what the cursor has: nothing is missing between them. */
export function covers(cursor: Cursor, header: SeriesRecordHeader): boolean {
  const { key, next } = cursor;
  const isNext = compareAddress(header.from, next) <= 0 && compareAddress(header.to, next) > 0;
  return isNext && isSameKey(key, header);
}

/** Whether a record is of the source and log that a key names. */
export function isSameKey(key: MarkKey, header: SeriesRecordHeader): boolean {
  return (
    header.source === key.source && header.logId === key.logId && header.logNumber === key.logNumber
  );
}
