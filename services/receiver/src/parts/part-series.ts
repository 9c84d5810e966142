import { FINGERPRINT_BYTES, SampleKind } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';
import type { LayoutPart } from './layout.ts';
import { ByteColumn, Uint32Column } from '../series/column.ts';
import type { LaneDefinitions } from '../series/lane-definitions.ts';
import type { SeriesNumber, SeriesTable } from '../series/series-table.ts';

/** What a part says of its series: a row each, and the labels of those it defines. */
export type SeriesRows = Pick<DataRecord, 'fingerprints' | 'kinds' | 'definitions'>;

const SYMBOL_REFS_MAX = 2 ** 31;

/** The series of the part that is being filled. */
export class PartSeries {
  readonly #table: SeriesTable;
  readonly #lane: LaneDefinitions;
  readonly #nextSerial: () => number;
  /** Unlike any part before, so that rows of the last part are told from those of this one. */
  #serial: number;

  readonly #fingerprints = new Uint32Column();
  readonly #kinds = new ByteColumn();
  /** The rows that have labels. */
  readonly #definedRows = new Uint32Column();
  readonly #labelCounts = new ByteColumn();
  readonly #labelRefs = new Uint32Column();
  readonly #symbolBytes = new ByteColumn();
  readonly #symbolLengths = new Uint32Column();

  /**
   * By symbol: `#refBase` + its number in this part. Less than `#refFloor`: the symbol is not in
   * this part yet, because the base only rises; so a new part need not wipe the array.
   */
  #refs = new Uint32Array(1024);
  #refBase = 1;
  #refFloor = 1;

  constructor(
    params: Readonly<{ table: SeriesTable; lane: LaneDefinitions; nextSerial: () => number }>,
  ) {
    this.#table = params.table;
    this.#lane = params.lane;
    this.#nextSerial = params.nextSerial;
    this.#serial = params.nextSerial();
  }

  /** The row of a series with this kind; a new one has labels unless the log has them. */
  rowOf(series: SeriesNumber, kind: SampleKind): number {
    const table = this.#table;
    if (table.rowParts[series] === this.#serial && table.rowKinds[series] === kind) {
      return table.rows[series]!;
    }
    const row = this.#kinds.length;
    table.setRow(series, this.#serial, kind, row);
    this.#kinds.push(kind);
    const from = series * 4;
    const to = this.#fingerprints.reserve(4);
    const { data } = this.#fingerprints;
    const { fingerprints } = table;
    data[to] = fingerprints[from]!;
    data[to + 1] = fingerprints[from + 1]!;
    data[to + 2] = fingerprints[from + 2]!;
    data[to + 3] = fingerprints[from + 3]!;
    if (kind === SampleKind.event || !this.#lane.isKnown(series)) this.#define(row, series, kind);
    return row;
  }

  /** All rows of a part that has none yet. */
  fill({ series, kinds, fingerprints }: LayoutPart): void {
    this.#kinds.append(kinds, 0, kinds.length);
    this.#fingerprints.append(fingerprints);
    for (let row = 0; row < series.length; row += 1) {
      const kind = kinds[row] as SampleKind;
      const one = series[row]!;
      if (kind === SampleKind.event || !this.#lane.isKnown(one)) this.#define(row, one, kind);
    }
  }

  /** Series and symbols get other numbers: those of this part are not found, and come in again. */
  forgetNumbers(): void {
    this.#lane.forget();
    this.#refFloor = this.#refBase + this.#symbolLengths.length;
  }

  /** The next part begins. */
  begin(): void {
    this.#serial = this.#nextSerial();
    this.#refBase += this.#symbolLengths.length;
    if (this.#refBase > SYMBOL_REFS_MAX) {
      this.#refs.fill(0);
      this.#refBase = 1;
    }
    this.#refFloor = this.#refBase;
    this.#fingerprints.length = 0;
    this.#kinds.length = 0;
    this.#definedRows.length = 0;
    this.#labelCounts.length = 0;
    this.#labelRefs.length = 0;
    this.#symbolBytes.length = 0;
    this.#symbolLengths.length = 0;
  }

  /** Views that are valid until the next row after `begin`. */
  view(): SeriesRows {
    const words = this.#fingerprints;
    const bytes = this.#kinds.length * FINGERPRINT_BYTES;
    return {
      fingerprints: new Uint8Array(words.data.buffer, 0, bytes),
      kinds: this.#kinds.view(),
      definitions: {
        rows: this.#definedRows.view(),
        symbolBytes: this.#symbolBytes.view(),
        symbolLengths: this.#symbolLengths.view(),
        labelCounts: this.#labelCounts.view(),
        labelRefs: this.#labelRefs.view(),
      },
    };
  }

  #define(row: number, series: SeriesNumber, kind: SampleKind): void {
    // An event's labels are not remembered by who reads it.
    if (kind !== SampleKind.event) this.#lane.defines(series);
    this.#definedRows.push(row);
    this.#pushLabels(series);
  }

  /** One tight loop: where series are new it is most of what they cost. */
  #pushLabels(series: SeriesNumber): void {
    const { names, nameLists, valueSymbols, valueStarts, symbols } = this.#table;
    const from = valueStarts[series]!;
    const length = valueStarts[series + 1]! - from;
    const firstName = names.start(nameLists[series]!);
    const nameSymbols = names.names;
    this.#labelCounts.push(length);
    let to = this.#labelRefs.reserve(2 * length);
    const { data } = this.#labelRefs;
    if (this.#refs.length < symbols.size) this.#growRefs(symbols.size);
    const refs = this.#refs;
    const base = this.#refBase;
    const floor = this.#refFloor;
    for (let i = 0; i < length; i += 1) {
      const name = nameSymbols[firstName + i]!;
      const knownName = refs[name]!;
      data[to++] = knownName >= floor ? knownName - base : this.#addSymbol(name);
      const value = valueSymbols[from + i]!;
      const knownValue = refs[value]!;
      data[to++] = knownValue >= floor ? knownValue - base : this.#addSymbol(value);
    }
  }

  #growRefs(length: number): void {
    const grown = new Uint32Array(Math.max(length, this.#refs.length * 2));
    grown.set(this.#refs);
    this.#refs = grown;
  }

  #addSymbol(symbol: number): number {
    const ref = this.#symbolLengths.length;
    this.#refs[symbol] = this.#refBase + ref;
    const { symbols } = this.#table;
    const start = symbols.start(symbol);
    const end = symbols.end(symbol);
    this.#symbolLengths.push(end - start);
    this.#symbolBytes.append(symbols.bytes, start, end);
    return ref;
  }
}
