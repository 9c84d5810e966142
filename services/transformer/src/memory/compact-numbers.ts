import { stateIncomplete } from './state-pages.ts';

/*
 * Numbers one after the other, each as it differs from the one before. The first byte of each says
 * how, by its upper three bits:
 *
 *   0 … 5   times 10^this it is whole. 0x10: more bytes follow, 0x08: the difference is negative,
 *           0x07 and seven bits of each byte that follows: the difference, lowest bits first. It is
 *           one to the number before if that was whole by the same power, else to 0
 *   6       0x0f: so many numbers are like the one before; with 0x10 like the one before that
 *   7       0: NaN, 1: Infinity, 2: -Infinity, 3: -0, 4: eight bytes follow
 *
 * What is remembered of series and pieces is mostly times that many share and values of few
 * decimals: a fifth of its bytes remains.
 */
const DIGITS_MAX = 5;
const REPEATS = 6;
const OTHERS = 7;
const RUN_MAX = 15;
const POWERS = [1, 10, 100, 1000, 10_000, 100_000] as const;
/** Differences of such numbers are whole as well. */
const WHOLE_MAX = 2 ** 52;
const BYTES_MAX = 9;
const SPECIALS = [NaN, Infinity, -Infinity, -0] as const;
const AS_IS = 4;

type NumberArray = Uint8Array | Uint32Array | Float64Array;

/** Places of what a writer knows of the numbers before. */
const LAST = 0;
const SECOND_LAST = 1;
const SCALED = 2;
const given = new Float64Array(1);
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

/** Writes numbers into memory of its own. */
export class CompactWriter {
  #bytes: Uint8Array = new Uint8Array(65_536);
  #at = 0;
  #digits = 0;
  #scaledDigits = -1;
  /** As a column: a number of a field lies on the heap, anew each time. */
  readonly #numbers = new Float64Array(3);
  /** Where the byte of a run stands that goes on; -1: none does. */
  #run = -1;

  reset(): void {
    this.#at = 0;
    this.begin();
  }

  /** What follows is told from nothing before it. */
  begin(): void {
    this.#digits = 0;
    this.#scaledDigits = -1;
    this.#numbers[LAST] = NaN;
    this.#numbers[SECOND_LAST] = NaN;
    this.#run = -1;
  }

  /** The numbers that follow are of another series: they may have fewer decimals. */
  nextRow(): void {
    this.#digits = 0;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Of slots that begin `width` numbers apart those at some places, slot by slot. */
  group(
    data: NumberArray,
    {
      from,
      end,
      width,
      places,
    }: Readonly<{ from: number; end: number; width: number; places: readonly number[] }>,
  ): void {
    this.begin();
    const count = places.length;
    if (count === 1) {
      for (let at = from + places[0]!; at < end; at += width) this.#next(data, at);
      return;
    }
    for (let at = from; at < end; at += width) {
      this.nextRow();
      for (let i = 0; i < count; i += 1) this.#next(data, at + places[i]!);
    }
  }

  number(value: number): void {
    given[0] = value;
    this.#next(given, 0);
  }

  /** Not the number itself: handed from call to call each would lie on the heap. */
  #next(data: NumberArray, at: number): void {
    const value = data[at]!;
    const numbers = this.#numbers;
    const last = numbers[LAST]!;
    const secondLast = numbers[SECOND_LAST]!;
    numbers[SECOND_LAST] = last;
    numbers[LAST] = value;
    if (areSame(value, last)) this.#repeat(0);
    else if (areSame(value, secondLast)) this.#repeat(0x10);
    else {
      this.#run = -1;
      this.#reserve(BYTES_MAX + 1);
      if (!this.#whole()) this.#other();
    }
  }

  #repeat(alternates: number): void {
    const run = this.#run;
    if (run >= 0) {
      const byte = this.#bytes[run]!;
      if ((byte & 0x10) === alternates && (byte & RUN_MAX) < RUN_MAX) {
        this.#bytes[run] = byte + 1;
        return;
      }
    }
    this.#reserve(1);
    this.#run = this.#at;
    this.#bytes[this.#at++] = (REPEATS << 5) | alternates | 1;
  }

  /** Of the last number, if it is one. */
  #whole(): boolean {
    const value = this.#numbers[LAST]!;
    // What has no place among whole numbers, NaN and the infinities among them.
    if (!(Math.abs(value) <= WHOLE_MAX) || (value === 0 && 1 / value < 0)) return false;
    if (this.#fits(this.#digits)) return true;
    for (let digits = 0; digits <= DIGITS_MAX; digits += 1) {
      if (digits !== this.#digits && this.#fits(digits)) return true;
    }
    return false;
  }

  #fits(digits: number): boolean {
    const numbers = this.#numbers;
    const value = numbers[LAST]!;
    const power = POWERS[digits]!;
    const scaled = Math.round(value * power);
    if (scaled / power !== value || Math.abs(scaled) > WHOLE_MAX) return false;
    const difference = digits === this.#scaledDigits ? scaled - numbers[SCALED]! : scaled;
    this.#digits = digits;
    this.#scaledDigits = digits;
    numbers[SCALED] = scaled;
    const bytes = this.#bytes;
    let left = difference < 0 ? -difference : difference;
    const sign = difference < 0 ? 0x08 : 0;
    const head = (digits << 5) | sign;
    if (left < 8) {
      bytes[this.#at++] = head | left;
      return true;
    }
    bytes[this.#at++] = head | 0x10 | (left % 8);
    left = Math.floor(left / 8);
    for (; left >= 0x80; left = Math.floor(left / 0x80)) {
      bytes[this.#at++] = 0x80 | (left % 0x80);
    }
    bytes[this.#at++] = left;
    return true;
  }

  #other(): void {
    const value = this.#numbers[LAST]!;
    this.#scaledDigits = -1;
    const special = specialOf(value);
    this.#bytes[this.#at++] = (OTHERS << 5) | special;
    if (special < AS_IS) return;
    double[0] = value;
    this.#bytes.set(doubleBytes, this.#at);
    this.#at += 8;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#at + bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Which one of `SPECIALS` a number is that is not whole by any power; else AS_IS. */
function specialOf(value: number): number {
  // What a NaN carries beside, nothing asks for: JavaScript does not promise to keep it.
  if (value !== value) return 0;
  if (value === Infinity) return 1;
  if (value === -Infinity) return 2;
  return value === 0 ? 3 : AS_IS;
}

function areSame(a: number, b: number): boolean {
  return a === b && (a !== 0 || 1 / a === 1 / b);
}

/** Reads what `CompactWriter` wrote. Refuses what is cut off or means nothing. */
export class CompactReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #scaled = 0;
  #scaledDigits = -1;
  #last = NaN;
  #secondLast = NaN;
  #repeats = 0;
  #alternates = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  begin(): void {
    if (this.#repeats > 0) throw stateIncomplete('a page repeats more than it has');
    this.#scaledDigits = -1;
    this.#last = NaN;
    this.#secondLast = NaN;
  }

  raw(length: number): Uint8Array {
    const from = this.#at;
    if (length > this.#bytes.length - from) throw cutOff();
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  number(): number {
    const value = this.#repeats > 0 ? this.#repeated() : this.#next();
    this.#secondLast = this.#last;
    this.#last = value;
    return value;
  }

  end(): void {
    this.begin();
    if (this.#at !== this.#bytes.length) throw stateIncomplete('a page is too long');
  }

  #repeated(): number {
    this.#repeats -= 1;
    return this.#alternates ? this.#secondLast : this.#last;
  }

  #next(): number {
    const head = this.#byte();
    const kind = head >>> 5;
    if (kind <= DIGITS_MAX) return this.#whole(kind, head);
    if (kind === REPEATS) {
      this.#repeats = head & RUN_MAX;
      this.#alternates = (head & 0x10) !== 0;
      if (this.#repeats === 0) throw stateIncomplete('a page repeats nothing');
      return this.#repeated();
    }
    this.#scaledDigits = -1;
    const special = head & 0x1f;
    if (special < AS_IS) return SPECIALS[special]!;
    if (special > AS_IS) throw stateIncomplete('a page has a number of no kind');
    doubleBytes.set(this.raw(8));
    return double[0]!;
  }

  #whole(digits: number, head: number): number {
    let size = head & 7;
    if ((head & 0x10) !== 0) {
      for (let unit = 8; ; unit *= 0x80) {
        const byte = this.#byte();
        size += (byte & 0x7f) * unit;
        if (byte < 0x80) break;
        if (unit > 2 * WHOLE_MAX) throw stateIncomplete('a page has too large a number');
      }
    }
    const difference = (head & 8) === 0 ? size : -size;
    const scaled = digits === this.#scaledDigits ? this.#scaled + difference : difference;
    this.#scaled = scaled;
    this.#scaledDigits = digits;
    return scaled / POWERS[digits]!;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw cutOff();
    this.#at += 1;
    return byte;
  }
}

function cutOff(): ReturnType<typeof stateIncomplete> {
  return stateIncomplete('a page is too short');
}
