import type { Address, TimeUs } from '@millrace/model';
import type { Entries, FoldedEvent } from '@millrace/wire';

/** One source of entries of one partition of one events log: what a mark belongs to. */
export interface MarkKey {
  logId: string;
  logNumber: number;
  partition: number;
  source: string;
}

/** What the store knows of a partition and source, whatever log it came from. */
export interface StoredMark {
  logId: string;
  logNumber: number;
  /** The address below which everything is applied. */
  mark: Address;
  /** Nothing more is taken of this source of this log, whatever comes: its job ended. */
  isClosed?: true;
  /** The newest event of which something is applied, of those that were told with it. */
  folded?: FoldedEvent;
  /** Absent before the first ledger entry. */
  counted?: Readonly<{
    /** The ledger counts the events below it, … */
    position: number;
    /** … of which none came later in partition time. */
    partitionTimeUs: TimeUs;
  }>;
}

/** Entries of one contiguous range of addresses; the writer has cut it at the mark. */
export interface StoreBatch {
  key: MarkKey;
  /** The mark as the writer read it. */
  from: Address;
  to: Address;
  /** The newest event that was told with them; the mark keeps what it has where none was. */
  folded?: FoldedEvent | undefined;
  /**
   * Entries of the range, in the order of their addresses within each type. `chunks` of one
   * type follow one another. Open pieces hold only the last revision of each, and none that
   * is final in the same batch.
   */
  chunks: readonly Entries[];
}

/** What became of a batch's samples that only the store could tell. */
export interface ApplyResult {
  outcome: 'applied' | 'outrun';
  /** Rows that the store refused and that now lie in `dead_letters`. */
  deadLetters: number;
  /** The same by reason; absent when there are none. */
  deadLettersBy?: Readonly<Record<string, number>>;
  /** Unverified raw samples that were present already. */
  unverifiedDuplicates: number;
  /**
   * So many raw samples of this partition in one batch would cost the store less than half for
   * each; absent when it makes no difference. Nothing but the price depends on it.
   */
  cheaperFrom?: number;
}

/** Where accepted samples and windows are kept for queries, as the writer needs it. */
export interface Store {
  /** The newest log's mark of every source of a partition; empty when it has none. */
  marks(partition: number): Promise<ReadonlyMap<string, StoredMark>>;
  /**
   * Creates the mark of a log at ADDRESS_ZERO; that of a job whose candidate was dropped is closed
   * at once. A job goes on with the log that the live source goes on with. Permanent `StoreError`
   * STORE_OTHER_LOG when the partition and source have a mark of another log that was not accepted.
   */
  openMark(key: MarkKey): Promise<void>;
  /**
   * One transaction: first the compare-and-set of the mark from `from` to `to`, then the entries.
   * `outrun` when the mark is not `from`, or closed: nothing happened, read it again. The last
   * entry of a job closes its mark. A row the store refuses for ever is isolated, dead-lettered in
   * the same transaction, and its count moved from stored to dead letter. A transient `StoreError`
   * says nothing about the outcome.
   */
  apply(batch: StoreBatch): Promise<ApplyResult>;
  /** Makes everything applied so far durable and returns the marks that are. */
  flushedMarks(): Promise<ReadonlyMap<number, StoredMark>>;
  close(): Promise<void>;
}
