import {
  FINGERPRINT_BYTES,
  fingerprintOf,
  partitionOf,
  type LabelSet,
  type SampleKind,
} from '@millrace/model';
import { mappedBuffer } from '@millrace/runtime';
import { NameLists } from './name-lists.ts';
import { SymbolTable } from './symbol-table.ts';

/** A series by its number in the table; valid until the table is cleared. */
export type SeriesNumber = number;

/** Fingerprint, kind and label count of a series in a record. */
const SERIES_BYTES = FINGERPRINT_BYTES + 2;
/** Two references and two symbol lengths. */
const LABEL_BYTES = 16;
const FINGERPRINT_WORDS = FINGERPRINT_BYTES / 4;
const FIRST_CAPACITY = 256;

/**
 * What is known of series as sent, as columns: at thousands of series an object for each would
 * cost several cache misses for every sample, and most requests walk the columns in order.
 */
export class SeriesTable {
  readonly symbols: SymbolTable = new SymbolTable();
  names: NameLists = new NameLists();
  readonly #tenant: string;
  readonly #partitionCount: number;
  count = 0;

  partitions: Uint16Array = new Uint16Array(FIRST_CAPACITY);
  /** Four words for each series: the bytes of its fingerprint. */
  fingerprints: Uint32Array = new Uint32Array(FIRST_CAPACITY * FINGERPRINT_WORDS);
  /** Bytes that a series adds to a record at most, whatever the record holds already. */
  definitionBytes: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  /** Which list of `names` a series has: names sorted by bytes. */
  nameLists: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  /** Symbols of the values that belong to them, series after series. */
  valueSymbols: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  /** Where a series' values start; one more entry tells the end of the last. */
  valueStarts: Uint32Array = new Uint32Array(FIRST_CAPACITY + 1);

  /** Part in which a series last got a row, with what kind and number; part 0: none. */
  rowParts: Float64Array = new Float64Array(FIRST_CAPACITY);
  rowKinds: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  rows: Uint32Array = new Uint32Array(FIRST_CAPACITY);

  /** Until when, in µs, the log is believed to hold a series' labels; 0: it is not. */
  definedUntil: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** How many definitions its partition had got from here when it got this one. */
  definedAfter: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** Rises when numbers begin to mean something else. */
  generation = 0;

  constructor(params: Readonly<{ tenant: string; partitions: number }>) {
    this.#tenant = params.tenant;
    this.#partitionCount = params.partitions;
  }

  get bytesHeld(): number {
    const columns = [
      this.partitions,
      this.fingerprints,
      this.definitionBytes,
      this.nameLists,
      this.valueSymbols,
      this.valueStarts,
      this.rowParts,
      this.rowKinds,
      this.rows,
      this.definedUntil,
      this.definedAfter,
    ];
    const beside = this.symbols.bytesHeld + this.names.bytesHeld;
    return columns.reduce((sum, column) => sum + column.byteLength, beside);
  }

  add(labels: LabelSet): SeriesNumber {
    const series = this.count;
    if (series === this.partitions.length) this.#grow();
    this.count += 1;
    const fingerprint = fingerprintOf(this.#tenant, labels);
    new Uint8Array(this.fingerprints.buffer).set(fingerprint, series * FINGERPRINT_BYTES);
    this.partitions[series] = partitionOf(fingerprint, 0, this.#partitionCount);
    this.definitionBytes[series] = this.#addLabels(series, labels);
    this.rowParts[series] = 0;
    this.definedUntil[series] = 0;
    return series;
  }

  /** Whether two numbers are of one series, which was sent in other words. */
  isSame(one: SeriesNumber, other: SeriesNumber): boolean {
    const { fingerprints } = this;
    for (let i = 0; i < FINGERPRINT_WORDS; i += 1) {
      const [a, b] = [one * FINGERPRINT_WORDS + i, other * FINGERPRINT_WORDS + i];
      if (fingerprints[a] !== fingerprints[b]) return false;
    }
    return true;
  }

  setRow(series: SeriesNumber, part: number, kind: SampleKind, row: number): void {
    this.rowParts[series] = part;
    this.rowKinds[series] = kind;
    this.rows[series] = row;
  }

  clear(): void {
    this.count = 0;
    this.generation += 1;
    this.symbols.clear();
    this.names = new NameLists();
    this.partitions = new Uint16Array(FIRST_CAPACITY);
    this.fingerprints = new Uint32Array(FIRST_CAPACITY * FINGERPRINT_WORDS);
    this.definitionBytes = new Uint32Array(FIRST_CAPACITY);
    this.nameLists = new Uint32Array(FIRST_CAPACITY);
    this.valueSymbols = new Uint32Array(FIRST_CAPACITY);
    this.valueStarts = new Uint32Array(FIRST_CAPACITY + 1);
    this.rowParts = new Float64Array(FIRST_CAPACITY);
    this.rowKinds = new Uint8Array(FIRST_CAPACITY);
    this.rows = new Uint32Array(FIRST_CAPACITY);
    this.definedUntil = new Float64Array(FIRST_CAPACITY);
    this.definedAfter = new Float64Array(FIRST_CAPACITY);
  }

  #addLabels(series: SeriesNumber, labels: LabelSet): number {
    const { symbols } = this;
    let at = this.valueStarts[series]!;
    if (at + labels.length > this.valueSymbols.length) {
      const length = Math.max(at + labels.length, this.valueSymbols.length * 2);
      this.valueSymbols = grown(this.valueSymbols, words(length));
    }
    const list = this.names.numberOf(labels, symbols);
    const { names } = this.names;
    let name = this.names.start(list);
    this.nameLists[series] = list;
    let bytes = SERIES_BYTES + labels.length * LABEL_BYTES;
    for (const [, value] of labels) {
      const symbol = symbols.idOf(value);
      this.valueSymbols[at] = symbol;
      bytes += symbols.end(symbol) - symbols.start(symbol);
      bytes += symbols.end(names[name]!) - symbols.start(names[name]!);
      at += 1;
      name += 1;
    }
    this.valueStarts[series + 1] = at;
    return bytes;
  }

  #grow(): void {
    const capacity = this.partitions.length * 2;
    this.partitions = grown(this.partitions, new Uint16Array(capacity));
    const fingerprintWords = capacity * FINGERPRINT_WORDS;
    this.fingerprints = grown(this.fingerprints, words(fingerprintWords));
    this.definitionBytes = grown(this.definitionBytes, words(capacity));
    this.nameLists = grown(this.nameLists, words(capacity));
    this.valueStarts = grown(this.valueStarts, words(capacity + 1));
    this.rowParts = grown(this.rowParts, floats(capacity));
    this.rowKinds = grown(this.rowKinds, new Uint8Array(capacity));
    this.rows = grown(this.rows, words(capacity));
    this.definedUntil = grown(this.definedUntil, floats(capacity));
    this.definedAfter = grown(this.definedAfter, floats(capacity));
  }
}

const words = (length: number): Uint32Array => new Uint32Array(mappedBuffer(4 * length), 0, length);
const floats = (length: number): Float64Array =>
  new Float64Array(mappedBuffer(8 * length), 0, length);

/** `larger`, filled with what the column holds. */
function grown<Column extends { set(values: Column): void }>(
  column: Column,
  larger: Column,
): Column {
  larger.set(column);
  return larger;
}
