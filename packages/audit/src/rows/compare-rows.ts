import { SampleFlag } from '@millrace/model';
import type { HistogramRowColumns, SampleRowColumns } from '@millrace/store';
import type { LogTables } from '../log/record-slots.ts';
import { histogramNumber } from '../log/side-values.ts';
import type { KeptRows } from '../kept-rows.ts';
import { EntryKind, type SampleTable } from '../sample-table.ts';
import { SeriesBit } from '../series-table.ts';
import type { FoundRow } from './found-row.ts';
import { StrangeRows } from './strange-rows.ts';

/** A row with another value than its sample. */
export interface DifferentRow {
  entry: number;
  row: FoundRow;
}

/** At most so many rows are kept one by one; all are counted. */
const KEPT_MAX = 100_000;

/** Rows of a kind that are kept as an example, and how many there are. */
export class RowList<T> {
  readonly kept: T[] = [];
  count = 0;

  add(row: T): void {
    this.count += 1;
    if (this.kept.length < KEPT_MAX) this.kept.push(row);
  }
}

/**
 * Holds rows against the samples of the log. Every row is looked up and counted there; what has
 * no row, or too many, shows when all are through.
 */
export class RowComparison {
  readonly #tables: LogTables;
  /** Rows of a partition older than this may come from before the log. */
  readonly #exactFromUs: readonly number[];
  readonly #leastExactUs: number;
  /** Number of the only tenant that is looked at. */
  readonly #only: number | undefined;
  readonly #isDeep: boolean;
  readonly #isWanted: (idHigh: number, idLow: number) => boolean;
  readonly #forgotten: readonly number[];
  readonly #kept: KeptRows | undefined;
  rows = 0;
  /** Rows from before the log, of which nothing can be said. */
  older = 0;
  readonly different: RowList<DifferentRow> = new RowList();
  /** Rows of series that the log has, and of no sample of theirs. */
  readonly unexpected: RowList<FoundRow & { isHistogram: boolean }> = new RowList();
  /** Rows of series that the log has not. */
  readonly strange: StrangeRows = new StrangeRows();
  /** The same one by one. */
  readonly strangeRows: RowList<FoundRow & { isHistogram: boolean }> = new RowList();
  /** Rows of series whose samples got other times than their own. */
  readonly moved: RowList<FoundRow & { isHistogram: boolean }> = new RowList();

  /**
   * `isDeep`: the fold said which rows are unverified. `forgotten`: of so many letters of each
   * partition that came again nobody knows any more that their first arrival was refused.
   * `isWanted`: rows of other series are right.
   */
  constructor(
    tables: LogTables,
    exactFromUs: readonly number[],
    params: Readonly<{
      tenant?: string | undefined;
      isDeep?: boolean;
      forgotten?: readonly number[];
      isWanted?: (idHigh: number, idLow: number) => boolean;
      /** Older rows are not looked at. Undefined: there are none. */
      kept?: KeptRows;
    }> = {},
  ) {
    const { tenant, isDeep = false, forgotten = [], isWanted = () => true } = params;
    this.#isWanted = isWanted;
    this.#kept = params.kept;
    this.#forgotten = forgotten;
    this.#isDeep = isDeep;
    this.#only = tenant === undefined ? undefined : tables.tenants.indexOf(tenant);
    this.#tables = tables;
    this.#exactFromUs = exactFromUs;
    this.#leastExactUs = Math.min(...exactFromUs, Infinity);
  }

  samples(rows: SampleRowColumns): void {
    for (let i = 0; i < rows.count; i += 1) this.#row(rows, i, rows.values[i]!, false);
    this.rows += rows.count;
  }

  histograms(rows: HistogramRowColumns): void {
    for (let i = 0; i < rows.count; i += 1) {
      const value = rows.absent[i] === 0 ? histogramNumber(rows.histograms[i]!) : NaN;
      this.#row(rows, i, value, true);
    }
    this.rows += rows.count;
  }

  #row(rows: SampleRowColumns, i: number, value: number, isHistogram: boolean): void {
    const { series, samples } = this.#tables;
    if (!this.#isWanted(rows.idHigh[i]!, rows.idLow[i]!)) return;
    const timeUs = rows.times[i]!;
    const keptFromUs = this.#kept?.rawFromUs(rows.idHigh[i]!, rows.idLow[i]!);
    if (keptFromUs !== undefined && timeUs < keptFromUs) return;
    const slot = series.find(rows.idHigh[i]!, rows.idLow[i]!);
    if (slot < 0) {
      if (timeUs < this.#leastExactUs) this.older += 1;
      else {
        const row = foundRow(rows, i, value);
        this.strange.add(row);
        this.strangeRows.add({ ...row, isHistogram });
      }
      return;
    }
    if (this.#only !== undefined && series.tenants[slot] !== this.#only) return;
    const bits = series.bits[slot]!;
    const partition = series.partitions[slot]!;
    if ((bits & SeriesBit.moved) !== 0) {
      this.moved.add({ ...foundRow(rows, i, value), isHistogram });
      return;
    }
    const entry = findEntry(samples, { slot, bits, timeUs, value, isHistogram });
    if (entry < 0) {
      if (timeUs < this.#exactFromUs[partition]!) this.older += 1;
      else this.unexpected.add({ ...foundRow(rows, i, value), isHistogram });
      return;
    }
    const isUnverified = (rows.flags[i]! & SampleFlag.unverified) !== 0;
    const isOfEither = samples.hasComeAgain(entry) && this.#forgotten[partition]! > 0;
    const saysRight =
      !this.#isDeep || isOfEither || isUnverified === samples.mustSayUnverified(entry);
    const isRight = saysRight && isSameRow(samples, entry, rows, i, value);
    const isExact = timeUs >= this.#exactFromUs[partition]!;
    if (this.#isDeep && !isExact && !isRight && !samples.mustSayUnverified(entry)) {
      // It is from before: what the fold put out has a row of its own.
      this.older += 1;
      return;
    }
    samples.count(samples.seen, entry);
    if (isUnverified) samples.setUnverified(entry);
    // Another log may have brought another value before.
    if (samples.must[entry] === 0 || isRight || !isExact) return;
    this.different.add({ entry, row: foundRow(rows, i, value) });
  }
}

/** The entry that a row belongs to; -1: none. */
export function findEntry(
  samples: SampleTable,
  row: Readonly<{
    slot: number;
    bits: number;
    timeUs: number;
    value: number;
    isHistogram: boolean;
  }>,
): number {
  const { slot, bits, timeUs, value, isHistogram } = row;
  if ((bits & SeriesBit.events) !== 0) {
    const kind = isHistogram ? EntryKind.eventHistogram : EntryKind.event;
    const event = samples.find(slot, kind, timeUs, value);
    if (event >= 0 || (bits & SeriesBit.timed) === 0) return event;
  }
  return samples.find(slot, isHistogram ? EntryKind.histogram : EntryKind.sample, timeUs, value);
}

function isSameRow(
  samples: SampleTable,
  entry: number,
  rows: SampleRowColumns,
  i: number,
  value: number,
): boolean {
  const isStale = (rows.flags[i]! & SampleFlag.stale) !== 0;
  if (samples.isStale(entry)) return isStale && rows.absent[i] === 1;
  return !isStale && rows.absent[i] === 0 && Object.is(samples.values[entry], value);
}

function foundRow(rows: SampleRowColumns, i: number, value: number): FoundRow {
  return {
    idHigh: rows.idHigh[i]!,
    idLow: rows.idLow[i]!,
    timeUs: rows.times[i]!,
    value,
    flags: rows.flags[i]!,
    isAbsent: rows.absent[i] === 1,
  };
}
