import type { StoredUnverified } from '@millrace/store';
import type { Entries, UnverifiedEntry } from '@millrace/wire';
import { SampleFlag } from '@millrace/model';
import type { GoneLetters } from '../letters/gone-letters.ts';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import type { KeptRows } from '../kept-rows.ts';
import { RowList } from '../rows/compare-rows.ts';
import { seriesIdText } from '../series-table.ts';
import type { SliceOf } from './expected-samples.ts';
import { WordDigest } from './word-digest.ts';

interface Expected {
  rows: number;
  partition: number;
  offset: number;
  entry: UnverifiedEntry;
}

/** Samples that are kept beside: few, unless something is very wrong with a producer. */
export class ExpectedUnverified {
  readonly #expected = new Map<string, Expected>();
  readonly #digest = new WordDigest();
  readonly #of: SliceOf;
  readonly #kept: KeptRows;
  #partition = 0;
  rows = 0;
  readonly unexpected: RowList<StoredUnverified> = new RowList();

  /** By when it was received it may be past its retention. */
  constructor(of: SliceOf, kept: KeptRows) {
    this.#of = of;
    this.#kept = kept;
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ unverified }: Entries, offset: number): void {
    const { slices, slice } = this.#of;
    for (const entry of unverified) {
      const { fingerprint, tenant, receivedAtUs } = entry;
      if (receivedAtUs < this.#kept.unverifiedFromUs(tenant)) continue;
      if (slices > 1 && Buffer.from(fingerprint).readUInt32BE(4) % slices !== slice) continue;
      const key = this.#keyOf(entry, this.#partition);
      const known = this.#expected.get(key);
      if (known !== undefined) known.rows += 1;
      else this.#expected.set(key, { rows: 1, partition: this.#partition, offset, entry });
    }
  }

  /** `isExact`: nothing of the partition is from before what was folded. */
  compare(row: StoredUnverified, isExact: boolean): void {
    if (row.receivedAtUs < this.#kept.unverifiedFromUs(row.tenant)) return;
    this.rows += 1;
    const known = this.#expected.get(this.#keyOf(row, row.partition));
    if (known !== undefined && known.rows > 0) known.rows -= 1;
    else if (isExact) this.unexpected.add(row);
  }

  /** Each that is not there takes a letter that is there, or one that is gone. */
  missing(letters: RefusedLetters, gone: GoneLetters): RowList<Omit<Expected, 'rows'>> {
    const missing = new RowList<Omit<Expected, 'rows'>>();
    for (const { rows, ...one } of this.#expected.values()) {
      const { fingerprint, timeUs } = one.entry;
      const id = Buffer.from(fingerprint.subarray(0, 8));
      const seriesId = seriesIdText(id.readUInt32BE(0), id.readUInt32BE(4));
      for (let i = 0; i < rows; i += 1) {
        if (letters.takeBeside('unverified sample', seriesId, timeUs)) continue;
        // Sent again, it is kept with the time at which it came again.
        if (gone.take(one.partition, { unsent: 0, redriven: 1 })) continue;
        missing.add(one);
      }
    }
    return missing;
  }

  #keyOf(entry: UnverifiedEntry, partition: number): string {
    const { tenant, fingerprint, timeUs, value, flags, receivedAtUs } = entry;
    const isStale = (flags & SampleFlag.stale) !== 0;
    const digest = this.#digest.begin().text(tenant).bytes(fingerprint).number(timeUs);
    digest.number(isStale ? NaN : value).number(isStale ? 1 : 0);
    const { high, low } = digest.number(receivedAtUs).number(partition).end();
    return `${high} ${low}`;
  }
}
