import { EntryType, SeriesRecordBuilder, type RowEntries, type RowEntryType } from '@millrace/wire';

/**
 * What a job lets through. Samples, their counts and what else becomes of them has been put out
 * when they came; and an open piece that nobody is shown is worth nothing before it is final.
 */
const WANTED: ReadonlySet<EntryType> = new Set([
  EntryType.definition,
  EntryType.final,
  EntryType.jobEnd,
]);

/** Collects what a job puts out; only that counts in addresses. */
export class JobRecordBuilder extends SeriesRecordBuilder {
  #isHeld = false;

  override takes(type: EntryType): boolean {
    return WANTED.has(type);
  }

  override sample(): void {
    // Live folding has put it out.
  }

  override samples(): void {
    // Nor these.
  }

  override entry<T extends RowEntryType>(type: T, entry: RowEntries[T]): void {
    if (WANTED.has(type)) super.entry(type, entry);
  }

  /** More is to come of the record at hand: until `release` nothing is cut behind it. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }

  override flush(position: number): void {
    if (!this.#isHeld) super.flush(position);
  }
}
