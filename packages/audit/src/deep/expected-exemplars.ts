import { METRIC_NAME_LABEL, sortLabels } from '@millrace/model';
import type { StoredExemplar } from '@millrace/store';
import type { Entries } from '@millrace/wire';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import type { KeptRows } from '../kept-rows.ts';
import { RowList } from '../rows/compare-rows.ts';
import { seriesIdText } from '../series-table.ts';
import { DigestTable } from './digest-table.ts';
import type { SliceOf } from './expected-samples.ts';
import { WordDigest } from './word-digest.ts';

const ROOM_MIN = 1024;

export interface MissingExemplar {
  partition: number;
  offset: number;
  seriesId: string;
  timeUs: number;
}

/** Exemplars as they were put out: equal ones may come more than once. */
export class ExpectedExemplars {
  readonly #table = new DigestTable();
  readonly #digest = new WordDigest();
  readonly #of: SliceOf;
  readonly #kept: KeptRows;
  /** Rows that are still to be found; below nothing: found and not put out. */
  #left: Int32Array = new Int32Array(ROOM_MIN);
  #times: Float64Array = new Float64Array(ROOM_MIN);
  /** The two halves of the series. */
  #ids: Uint32Array = new Uint32Array(2 * ROOM_MIN);
  #partition = 0;
  rows = 0;
  readonly unexpected: RowList<StoredExemplar> = new RowList();

  constructor(of: SliceOf, kept: KeptRows) {
    this.#of = of;
    this.#kept = kept;
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ exemplars }: Entries, offset: number): void {
    const { slices, slice } = this.#of;
    for (const { fingerprint, timeUs, value, labels } of exemplars) {
      const id = Buffer.from(fingerprint.buffer, fingerprint.byteOffset, 8);
      if (slices > 1 && id.readUInt32BE(4) % slices !== slice) continue;
      if (this.#isGone(id, timeUs)) continue;
      // As it is stored: each name once, and none of the metric.
      const stored = Object.fromEntries(labels.filter(([name]) => name !== METRIC_NAME_LABEL));
      const slot = this.#slotOf({ seriesId: id, timeUs, value, labels: Object.entries(stored) });
      this.#left[slot]! += 1;
      this.#times[slot] = timeUs;
      this.#ids[2 * slot] = id.readUInt32BE(0);
      this.#ids[2 * slot + 1] = id.readUInt32BE(4);
      this.#table.partitions[slot] = this.#partition;
      this.#table.offsets[slot] = offset;
    }
  }

  /** `isExact`: none is from before what was folded. */
  compare(row: StoredExemplar, isExact: boolean): void {
    if (this.#isGone(Buffer.from(row.seriesId), row.timeUs)) return;
    this.rows += 1;
    const { high, low } = this.#keyOf(row);
    const slot = this.#table.find(high, low);
    if (slot >= 0 && this.#left[slot]! > 0) this.#left[slot]! -= 1;
    else if (isExact) this.unexpected.add(row);
  }

  /** Each that is not there takes one of the letters of its series and time. */
  missing(letters: RefusedLetters): RowList<MissingExemplar> {
    const missing = new RowList<MissingExemplar>();
    const { size, partitions, offsets } = this.#table;
    for (let slot = 0; slot < size; slot += 1) {
      if (this.#left[slot]! <= 0) continue;
      const seriesId = seriesIdText(this.#ids[2 * slot]!, this.#ids[2 * slot + 1]!);
      const timeUs = this.#times[slot]!;
      const place = { partition: partitions[slot]!, offset: offsets[slot]! };
      for (let i = 0; i < this.#left[slot]!; i += 1) {
        if (letters.takeBeside('exemplar', seriesId, timeUs)) continue;
        missing.add({ ...place, seriesId, timeUs });
      }
    }
    return missing;
  }

  /** It may be past its retention. */
  #isGone(id: Buffer, timeUs: number): boolean {
    return timeUs < this.#kept.exemplarsFromUs(id.readUInt32BE(0), id.readUInt32BE(4));
  }

  #slotOf(row: StoredExemplar): number {
    const { high, low } = this.#keyOf(row);
    const slot = this.#table.slotOf(high, low);
    if (slot >= this.#left.length) this.#grow();
    return slot;
  }

  #keyOf({ seriesId, timeUs, value, labels }: StoredExemplar): { high: number; low: number } {
    const digest = this.#digest.begin().bytes(seriesId).number(timeUs).number(value);
    for (const [name, text] of sortLabels(labels)) digest.text(name).text(text);
    return digest.end();
  }

  #grow(): void {
    const room = 2 * this.#left.length;
    const [left, times, ids] = [
      new Int32Array(room),
      new Float64Array(room),
      new Uint32Array(2 * room),
    ];
    left.set(this.#left);
    times.set(this.#times);
    ids.set(this.#ids);
    [this.#left, this.#times, this.#ids] = [left, times, ids];
  }
}
