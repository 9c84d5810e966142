import { METRIC_NAME_LABEL, type Label, type LabelSet } from '@millrace/model';
import type { Definitions } from './events-record.ts';

/** Reads label sets out of a record's definitions block, on demand: most are never asked for. */
export class DefinitionReader {
  readonly #definitions: Definitions;
  readonly #symbols: (string | undefined)[] = [];
  #symbolStarts: Uint32Array | undefined;
  #labelStarts: Uint32Array | undefined;

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** Labels of the record's series number `series`, sorted by name bytes. */
  labels(series: number): LabelSet {
    const { labelCounts, labelRefs } = this.#definitions;
    this.#labelStarts ??= starts(labelCounts);
    const first = this.#labelStarts[series]!;
    const labels: Label[] = [];
    for (let i = first; i < first + labelCounts[series]!; i += 1) {
      labels.push([this.#symbol(labelRefs[2 * i]!), this.#symbol(labelRefs[2 * i + 1]!)]);
    }
    return labels;
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

/** The definitions block of label sets, for writers that have them as strings. */
export function encodeDefinitions(series: readonly LabelSet[]): Definitions {
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
