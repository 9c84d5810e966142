import { SampleFlag } from '@millrace/model';
import type { Entries } from '@millrace/wire';
import type { RefusedArrivals } from '../letters/refused-arrivals.ts';
import type { LogTables } from '../log/record-slots.ts';
import { histogramNumber } from '../log/side-values.ts';
import { EntryKind, type NewEntry } from '../sample-table.ts';
import { SeriesBit } from '../series-table.ts';

export interface SliceOf {
  slices: number;
  slice: number;
}

/** What the store must have moved between columns of the ledger. */
export interface ExpectedMoves {
  toStored: number;
  toDuplicate: number;
}

interface OneRow {
  idHigh: number;
  idLow: number;
  timeUs: number;
  value: number;
  flags: number;
  isHistogram: boolean;
}

/**
 * Rows of `samples` and `histograms` as the writer makes them of entries: all are appended, but
 * unverified ones only where nothing is.
 */
export class ExpectedSamples {
  readonly #tables: LogTables;
  readonly #of: SliceOf;
  readonly #refused: RefusedArrivals;
  readonly #isWanted: (idHigh: number, idLow: number) => boolean;
  #partition = 0;
  #record = 0;
  #moves: ExpectedMoves = { toStored: 0, toDuplicate: 0 };
  readonly #row: OneRow = {
    ...{ idHigh: 0, idLow: 0, timeUs: 0, value: 0, flags: 0, isHistogram: false },
  };

  /** `isWanted`: rows of other series are right. */
  constructor(
    tables: LogTables,
    of: SliceOf,
    params: Readonly<{
      refused: RefusedArrivals;
      isWanted: (idHigh: number, idLow: number) => boolean;
    }>,
  ) {
    this.#tables = tables;
    this.#of = of;
    this.#refused = params.refused;
    this.#isWanted = params.isWanted;
  }

  /** Counts moves of the partition whose entries follow. */
  begin(partition: number, moves: ExpectedMoves): void {
    this.#partition = partition;
    this.#moves = moves;
  }

  take({ samples, histograms }: Entries, offset: number): void {
    if (samples.count === 0 && histograms.length === 0) return;
    this.#record = this.#tables.records.add(this.#partition, offset);
    const { seriesIds, times, values, flags } = samples;
    const view = new DataView(seriesIds.buffer, seriesIds.byteOffset, seriesIds.byteLength);
    const row = this.#row;
    row.isHistogram = false;
    for (let i = 0; i < samples.count; i += 1) {
      row.idHigh = view.getUint32(8 * i);
      row.idLow = view.getUint32(8 * i + 4);
      row.timeUs = times[i]!;
      row.value = values[i]!;
      row.flags = flags[i]!;
      this.#expect(row);
    }
    for (const { fingerprint, timeUs, flags: some, histogram } of histograms) {
      const id = Buffer.from(fingerprint);
      const value = histogramNumber(histogram);
      const [idHigh, idLow] = [id.readUInt32BE(0), id.readUInt32BE(4)];
      this.#expect({ idHigh, idLow, timeUs, value, flags: some, isHistogram: true });
    }
  }

  #expect({ idHigh, idLow, timeUs, value, flags, isHistogram }: OneRow): void {
    const { slices, slice } = this.#of;
    if (slices > 1 && idLow % slices !== slice) return;
    if (!this.#isWanted(idHigh, idLow)) return;
    const { samples, series } = this.#tables;
    const slot = this.#seriesOf(idHigh, idLow);
    const stale = (flags & SampleFlag.stale) !== 0;
    const isUnverified = (flags & SampleFlag.unverified) !== 0;
    const one = { series: slot, timeUs, stale, record: this.#record };
    const known = stale ? { ...one, value: NaN } : { ...one, value };
    const kind = isHistogram ? EntryKind.histogram : EntryKind.sample;
    const first = samples.find(slot, kind, timeUs, known.value);
    if (isHistogram) series.bits[slot]! |= SeriesBit.histograms;
    if (isUnverified) {
      this.#expectIfAbsent({ ...known, kind }, first, { idHigh, idLow, isHistogram });
    } else if (this.#refused.take({ idHigh, idLow, timeUs, value: known.value, isHistogram })) {
      if (first < 0) samples.add({ ...known, kind });
    } else if (first < 0) {
      const entry = samples.add({ ...known, kind });
      samples.must[entry] = 1;
    } else {
      const isSame =
        Object.is(samples.values[first], known.value) && samples.isStale(first) === stale;
      if (isSame && !samples.mustSayUnverified(first)) samples.count(samples.must, first);
      else this.#another(known, isHistogram);
    }
  }

  /** It is stored where nothing is: what came before may have been refused. */
  #expectIfAbsent(
    known: NewEntry,
    first: number,
    of: Readonly<{ idHigh: number; idLow: number; isHistogram: boolean }>,
  ): void {
    const { samples } = this.#tables;
    if (first >= 0 && samples.must[first]! > 0) {
      this.#moves.toDuplicate += 1;
      samples.setComeAgain(first);
      return;
    }
    const entry = first < 0 ? samples.add(known) : first;
    if (this.#refused.take({ ...of, timeUs: known.timeUs, value: known.value })) return;
    this.#moves.toStored += 1;
    samples.must[entry] = 1;
    samples.setMustSayUnverified(entry);
  }

  /** A row beside another one of the same series and time. */
  #another(
    one: Readonly<{
      series: number;
      timeUs: number;
      value: number;
      stale: boolean;
      record: number;
    }>,
    isHistogram: boolean,
  ): void {
    const { samples, series } = this.#tables;
    const kind = isHistogram ? EntryKind.eventHistogram : EntryKind.event;
    const known = samples.find(one.series, kind, one.timeUs, one.value);
    const entry = known < 0 ? samples.add({ ...one, kind }) : known;
    samples.count(samples.must, entry);
    series.bits[one.series]! |= SeriesBit.events;
  }

  #seriesOf(idHigh: number, idLow: number): number {
    const { series } = this.#tables;
    const known = series.find(idHigh, idLow);
    if (known >= 0) return known;
    const first = { partition: this.#partition, record: this.#record, tenant: 0 };
    const slot = series.add(idHigh, idLow, first);
    series.bits[slot]! |= SeriesBit.timed;
    return slot;
  }
}
