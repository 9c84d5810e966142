import type { Label, LabelSet } from '@millrace/model';

const ROOM_MIN = 1024;
const UNDEFINED = 0;

/** Label sets of series, by their numbers, as records define them: a table of symbols and refs. */
export class KnownLabels {
  readonly #symbols: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Where the refs of a series begin, plus one. */
  #starts: Uint32Array = new Uint32Array(ROOM_MIN);
  #definedUs: Float64Array = new Float64Array(ROOM_MIN).fill(NaN);
  /** The number of labels, then name and value of each. */
  #refs: Uint32Array = new Uint32Array(ROOM_MIN);
  #refsEnd = 0;
  /** Series that were ever defined, and bytes of their names and values. */
  size = 0;
  bytes = 0;

  /** Notes that a series was defined at a partition time. */
  note(
    series: number,
    partitionTimeUs: number,
    { labels, bytes }: Readonly<{ labels: () => LabelSet; bytes: () => number }>,
  ): void {
    if (series >= this.#starts.length) this.#grow(series);
    this.#definedUs[series] = partitionTimeUs;
    if (this.#starts[series] !== UNDEFINED) return;
    this.size += 1;
    this.bytes += bytes();
    this.#starts[series] = this.#refsEnd + 1;
    const set = labels();
    this.#push(set.length);
    for (const [name, value] of set) {
      this.#push(this.#numberOf(name));
      this.#push(this.#numberOf(value));
    }
  }

  /** Partition time of the newest definition; NaN: there was none. */
  definedUs(series: number): number {
    return this.#definedUs[series] ?? NaN;
  }

  labels(series: number): LabelSet | undefined {
    const start = this.#starts[series] ?? UNDEFINED;
    if (start === UNDEFINED) return undefined;
    const refs = this.#refs;
    return Array.from({ length: refs[start - 1]! }, (_, i): Label => {
      const at = start + 2 * i;
      return [this.#symbols[refs[at]!]!, this.#symbols[refs[at + 1]!]!];
    });
  }

  #push(ref: number): void {
    if (this.#refsEnd === this.#refs.length) {
      const grown = new Uint32Array(2 * this.#refsEnd);
      grown.set(this.#refs);
      this.#refs = grown;
    }
    this.#refs[this.#refsEnd] = ref;
    this.#refsEnd += 1;
  }

  #numberOf(symbol: string): number {
    let number = this.#numbers.get(symbol);
    if (number === undefined) {
      number = this.#symbols.push(symbol) - 1;
      this.#numbers.set(symbol, number);
    }
    return number;
  }

  #grow(series: number): void {
    const starts = new Uint32Array(2 * series);
    starts.set(this.#starts);
    this.#starts = starts;
    const definedUs = new Float64Array(2 * series).fill(NaN);
    definedUs.set(this.#definedUs);
    this.#definedUs = definedUs;
  }
}
