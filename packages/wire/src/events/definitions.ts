import { METRIC_NAME_LABEL, type Label, type LabelSet } from '@millrace/model';
import { corruptRecord } from '../fields/columns.ts';
import type { Definitions } from './events-record.ts';

/** Reads label sets out of a record's definitions block, on demand: most are never asked for. */
export class DefinitionReader {
  readonly #definitions: Definitions;
  readonly #symbols: (string | undefined)[] = [];
  /** Those that were asked for: of a new series it happens several times. */
  readonly #labelSets: (LabelSet | undefined)[] = [];
  #symbolStarts: Uint32Array | undefined;
  #labelStarts: Uint32Array | undefined;
  /** Those that were read last, and where the first of them stands. */
  #before: Readonly<{ first: number; labels: LabelSet }> = { first: 0, labels: [] };

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /**
   * Labels of the record's series number `series`, sorted by name bytes; undefined when the record
   * leaves them out.
   */
  labels(series: number): LabelSet | undefined {
    const row = this.row(series);
    return row < 0 ? undefined : (this.#labelSets[row] ??= this.#read(row));
  }

  #read(row: number): LabelSet {
    const { labelCounts, labelRefs } = this.#definitions;
    this.#labelStarts ??= starts(labelCounts);
    const first = this.#labelStarts[row]!;
    const count = labelCounts[row]!;
    const labels: Label[] = [];
    const before = this.#before;
    for (let i = 0; i < count; i += 1) {
      const name = labelRefs[2 * (first + i)]!;
      const value = labelRefs[2 * (first + i) + 1]!;
      // Series that are new together have most of their labels in common.
      const at = 2 * (before.first + i);
      const isSame = i < before.labels.length && labelRefs[at] === name;
      if (isSame && labelRefs[at + 1] === value) labels.push(before.labels[i]!);
      else labels.push([this.#symbol(name), this.#symbol(value)]);
    }
    this.#before = { first, labels };
    return labels;
  }

  /** Labels of a series that the record must define. */
  definedLabels(series: number): LabelSet {
    const labels = this.labels(series);
    if (labels === undefined) throw corruptRecord(`its series ${series} is defined nowhere`);
    return labels;
  }

  /** Bytes of all names and values of a defined series. */
  labelBytes(series: number): number {
    const { labelCounts, labelRefs, symbolLengths } = this.#definitions;
    const row = this.row(series);
    this.#labelStarts ??= starts(labelCounts);
    const first = 2 * this.#labelStarts[row]!;
    let bytes = 0;
    for (let i = first; i < first + 2 * labelCounts[row]!; i += 1) {
      bytes += symbolLengths[labelRefs[i]!]!;
    }
    return bytes;
  }

  /** Where a series stands among the defined ones, or -1. */
  row(series: number): number {
    const { rows } = this.#definitions;
    if (rows[series] === series) return series;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rows[middle]! < series) low = middle + 1;
      else high = middle;
    }
    return rows[low] === series ? low : -1;
  }

  #symbol(ref: number): string {
    const known = this.#symbols[ref];
    if (known !== undefined) return known;
    const { symbolBytes, symbolLengths } = this.#definitions;
    this.#symbolStarts ??= starts(symbolLengths);
    const start = this.#symbolStarts[ref]!;
    const text = Buffer.from(
      symbolBytes.buffer,
      symbolBytes.byteOffset + start,
      symbolLengths[ref]!,
    ).toString('utf8');
    this.#symbols[ref] = text;
    return text;
  }
}

function starts(lengths: Uint8Array | Uint32Array): Uint32Array {
  const result = new Uint32Array(lengths.length);
  let at = 0;
  for (let i = 0; i < lengths.length; i += 1) {
    result[i] = at;
    at += lengths[i]!;
  }
  return result;
}

/**
 * The definitions block of label sets, for writers that have them as strings: of all series of a
 * record, or of those that stand in `rows`.
 */
export function encodeDefinitions(
  series: readonly LabelSet[],
  rows: Uint32Array = Uint32Array.from(series.keys()),
): Definitions {
  const refs = new Map<string, number>();
  const symbols: Buffer[] = [];
  const refOf = (text: string): number => {
    const known = refs.get(text);
    if (known !== undefined) return known;
    refs.set(text, symbols.length);
    symbols.push(Buffer.from(text, 'utf8'));
    return symbols.length - 1;
  };
  const labelRefs = series.flatMap((labels) => labels.flatMap((label) => label.map(refOf)));
  return {
    rows,
    labelRefs: Uint32Array.from(labelRefs),
    labelCounts: Uint8Array.from(series, (labels) => labels.length),
    symbolLengths: Uint32Array.from(symbols, (symbol) => symbol.length),
    symbolBytes: new Uint8Array(Buffer.concat(symbols)),
  };
}

/** The metric name of a label set; empty when it has none. */
export function metricOf(labels: LabelSet): string {
  return labels.find(([name]) => name === METRIC_NAME_LABEL)?.[1] ?? '';
}
