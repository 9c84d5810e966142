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
const POWERS = Float64Array.of(1, 10, 100, 1000, 10_000, 100_000);
/** Differences of such numbers are whole as well. */
const WHOLE_MAX = 2 ** 52;
const BYTES_MAX = 9;
const SPECIALS = [NaN, Infinity, -Infinity, -0] as const;
const AS_IS = 4;
/** Of a larger number so many bits at a time are an integer of the machine's. */
const PART = 2 ** 28;

type NumberArray = Uint8Array | Uint32Array | Float64Array;

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
/** Numbers of a group that are no floats, as floats. */
let floats = new Float64Array(64);

/** Slots that begin `width` numbers apart, and places in each. */
type Group = Readonly<{ from: number; end: number; width: number; places: readonly number[] }>;

/** Where what is written of them begins. */
interface Floats {
  data: Float64Array;
  at: number;
}

/** Writes numbers into memory of its own. */
export class CompactWriter {
  #bytes: Uint8Array = new Uint8Array(65_536);
  #at = 0;

  reset(): void {
    this.#at = 0;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Slot by slot; what it is written as is told from nothing before it. */
  group(data: NumberArray, group: Group): void {
    const { from, end, width, places } = group;
    this.#reserve(Math.ceil((end - from) / width) * places.length * (BYTES_MAX + 1));
    const [bytes, at] = [this.#bytes, this.#at];
    if (data instanceof Float64Array) {
      this.#at = writeGroup(bytes, { at, data, from, end, width, places });
    } else {
      const whole = { from: 0, end: end - from, width, places };
      this.#at = writeGroup(bytes, { at, data: asFloats(data, from, end), ...whole });
    }
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#at + bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/**
 * Returns where it ends. A million series are a hundred million numbers: what is known of those
 * before stays in registers, as numbers of fields would lie on the heap, each anew.
 */
function writeGroup(bytes: Uint8Array, group: Group & Readonly<Floats>): number {
  const { data, from, end, width, places } = group;
  const count = places.length;
  let { at } = group;
  let last = NaN;
  let secondLast = NaN;
  let digits = 0;
  let scaledDigits = -1;
  let scaledLast = 0;
  /** Where the byte of a run stands that goes on; -1: none does. */
  let run = -1;
  for (let slot = from; slot < end; slot += width) {
    // Of several numbers of a slot the first may have fewer decimals than the last one before it.
    if (count > 1) digits = 0;
    for (let i = 0; i < count; i += 1) {
      const value = data[slot + places[i]!]!;
      const isLast = value === last && (value !== 0 || 1 / value === 1 / last);
      if (isLast || (value === secondLast && (value !== 0 || 1 / value === 1 / secondLast))) {
        secondLast = last;
        last = value;
        const alternates = isLast ? 0 : ALTERNATES;
        if (run >= 0 && (bytes[run]! & ALTERNATES) === alternates && isOpen(bytes[run]!)) {
          bytes[run]! += 1;
        } else {
          run = at;
          bytes[at++] = (REPEATS << 5) | alternates | 1;
        }
        continue;
      }
      secondLast = last;
      last = value;
      run = -1;
      const fitting = digitsOf(value, digits);
      if (fitting < 0) {
        scaledDigits = -1;
        at = writeOther(bytes, at, value);
        continue;
      }
      const scaled = Math.round(value * POWERS[fitting]!);
      const difference = fitting === scaledDigits ? scaled - scaledLast : scaled;
      digits = fitting;
      scaledDigits = fitting;
      scaledLast = scaled;
      at = writeDifference(bytes, at, fitting << 5, difference);
    }
  }
  return at;
}

function asFloats(data: NumberArray, from: number, end: number): Float64Array {
  if (floats.length < end - from) floats = new Float64Array(end - from);
  for (let i = from; i < end; i += 1) floats[i - from] = data[i]!;
  return floats;
}

const ALTERNATES = 0x10;

function isOpen(byte: number): boolean {
  return (byte & RUN_MAX) < RUN_MAX;
}

/** By which power of ten a number is whole, the given one first; -1: by none. */
function digitsOf(value: number, first: number): number {
  // What has no place among whole numbers, NaN and the infinities among them.
  if (!(Math.abs(value) <= WHOLE_MAX) || (value === 0 && 1 / value < 0)) return -1;
  if (isWholeBy(value, first)) return first;
  for (let digits = 0; digits <= DIGITS_MAX; digits += 1) {
    if (digits !== first && isWholeBy(value, digits)) return digits;
  }
  return -1;
}

function isWholeBy(value: number, digits: number): boolean {
  const power = POWERS[digits]!;
  const scaled = Math.round(value * power);
  return scaled / power === value && Math.abs(scaled) <= WHOLE_MAX;
}

function writeDifference(bytes: Uint8Array, start: number, kind: number, given: number): number {
  const head = kind | (given < 0 ? 0x08 : 0);
  const size = given < 0 ? -given : given;
  let at = start;
  if (size < 8) {
    bytes[at++] = head | size;
    return at;
  }
  let left = Math.floor(size / 8);
  bytes[at++] = head | 0x10 | (size - 8 * left);
  while (left >= PART) {
    const rest = Math.floor(left / PART);
    const part = left - PART * rest;
    for (let shift = 0; shift < 28; shift += 7) bytes[at++] = 0x80 | ((part >>> shift) & 0x7f);
    left = rest;
  }
  let small = left | 0;
  for (; small >= 0x80; small >>>= 7) bytes[at++] = 0x80 | (small & 0x7f);
  bytes[at++] = small;
  return at;
}

function writeOther(bytes: Uint8Array, at: number, value: number): number {
  const special = specialOf(value);
  bytes[at] = (OTHERS << 5) | special;
  if (special < AS_IS) return at + 1;
  double[0] = value;
  bytes.set(doubleBytes, at + 1);
  return at + 9;
}

/** Which one of `SPECIALS` a number is that is not whole by any power; else AS_IS. */
function specialOf(value: number): number {
  // What a NaN carries beside, nothing asks for: JavaScript does not promise to keep it.
  if (value !== value) return 0;
  if (value === Infinity) return 1;
  if (value === -Infinity) return 2;
  return value === 0 ? 3 : AS_IS;
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
