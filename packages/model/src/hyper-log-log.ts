import { MixHash } from './mix-hash.ts';

const VERSION_SPARSE = 1;
const VERSION_DENSE = 2;
const PRECISION = 14;
const REGISTERS = 1 << PRECISION;
/** The 50 bits that do not name the register, all zero. */
const RANK_MAX = 64 - PRECISION + 1;
/** Registers in use up to which the sparse form is written, and kept. */
const SPARSE_ENTRIES_MAX = 4096;
/** A Map entry costs several times the 3 bytes it is written as: dense in memory beyond this. */
const MAP_ENTRIES_MAX = 256;
const HEADER_BYTES = 2;
const ENTRY_BYTES = 3;

/** Numbers and texts that print alike are different values. */
const SEED_NUMBER = 0x6e756d62;
const SEED_TEXT = 0x74657874;
/** 1 / (2 ln 2), the limit of HyperLogLog's constant for many registers. */
const ALPHA_INFINITE = 0.721_347_520_444_481_7;

/**
 * How many different values were added, to within 0.8 % (standard error with 2^14 registers),
 * from the largest run of leading zeros seen in each register's hashes. Neither order nor
 * grouping of `add…` and `merge` changes the bytes. Sources: Flajolet et al., "HyperLogLog"
 * (2007); 64-bit hashes and the sparse form, Heule et al. (2013); the estimate without bias
 * tables, Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
 * algorithm 6. The hash is `MixHash`: its upper 14 bits name the register, the rank is the
 * position of the first 1 in the other 50.
 *
 * Bytes, numbers big-endian; sparse while at most 4096 registers are in use:
 *
 *     0            1              2       4
 *     ┌────────────┬──────────────┬───────┬───────────────────────────────┐
 *     │version = 1 │precision = 14│n u16  │n × (register u16, rank u8)    │  ascending
 *     └────────────┴──────────────┴───────┴───────────────────────────────┘
 *     ┌────────────┬──────────────┬───────────────────────────────────────┐
 *     │version = 2 │precision = 14│16384 × rank u8, 0 for an unused one   │
 *     └────────────┴──────────────┴───────────────────────────────────────┘
 */
export class HyperLogLog {
  /** Registers in use while they are few; empty as soon as `#dense` is there. */
  #sparse = new Map<number, number>();
  #dense: Uint8Array | undefined;
  #used = 0;

  static empty(): HyperLogLog {
    return new HyperLogLog();
  }

  /** Every NaN is one value, and so are 0 and -0. */
  addNumber(value: number): void {
    scratch.setFloat64(0, value === 0 ? 0 : value, true);
    if (value !== value) {
      scratch.setUint32(0, 0, true);
      scratch.setUint32(4, 0x7ff80000, true);
    }
    mix.hash(scratch, 8, SEED_NUMBER);
    this.#addHash();
  }

  /** The text counts as its UTF-8 bytes. */
  addText(text: string): void {
    if (text.length * 3 + 8 > scratch.byteLength) {
      scratch = new DataView(new ArrayBuffer(text.length * 3 + 8));
    }
    const bytes = new Uint8Array(scratch.buffer);
    const { written } = encoder.encodeInto(text, bytes);
    bytes.fill(0, written, written + 8);
    mix.hash(scratch, written, SEED_TEXT);
    this.#addHash();
    if (scratch.byteLength > SCRATCH_BYTES) scratch = new DataView(new ArrayBuffer(SCRATCH_BYTES));
  }

  /** Adds all that the other one has seen; the other one stays as it is. */
  merge(other: HyperLogLog): void {
    other.#forEach((register, rank) => this.#raise(register, rank));
  }

  estimate(): number {
    const registersOfRank = new Float64Array(RANK_MAX + 1);
    registersOfRank[0] = REGISTERS - this.#used;
    this.#forEach((_register, rank) => {
      registersOfRank[rank]! += 1;
    });
    let z = REGISTERS * tau(1 - registersOfRank[RANK_MAX]! / REGISTERS);
    for (let rank = RANK_MAX - 1; rank >= 1; rank -= 1) z = 0.5 * (z + registersOfRank[rank]!);
    z += REGISTERS * sigma(registersOfRank[0] / REGISTERS);
    return Math.round((ALPHA_INFINITE * REGISTERS * REGISTERS) / z);
  }

  encode(): Uint8Array {
    const isSparse = this.#used <= SPARSE_ENTRIES_MAX;
    const size = isSparse ? 2 + this.#used * ENTRY_BYTES : REGISTERS;
    const bytes = new Uint8Array(HEADER_BYTES + size);
    bytes[0] = isSparse ? VERSION_SPARSE : VERSION_DENSE;
    bytes[1] = PRECISION;
    if (!isSparse) {
      this.#forEach((register, rank) => {
        bytes[HEADER_BYTES + register] = rank;
      });
      return bytes;
    }
    const view = new DataView(bytes.buffer);
    view.setUint16(HEADER_BYTES, this.#used);
    let at = HEADER_BYTES + 2;
    this.#forEach((register, rank) => {
      view.setUint16(at, register);
      view.setUint8(at + 2, rank);
      at += ENTRY_BYTES;
    });
    return bytes;
  }

  /** RangeError when the bytes are not what `encode` writes. */
  static decode(bytes: Uint8Array): HyperLogLog {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    check(bytes.length >= HEADER_BYTES + 2 && bytes[1] === PRECISION, 'not of precision 14');
    const sketch = new HyperLogLog();
    if (bytes[0] === VERSION_SPARSE) {
      const entries = view.getUint16(HEADER_BYTES);
      const length = HEADER_BYTES + 2 + entries * ENTRY_BYTES;
      check(bytes.length === length && entries <= SPARSE_ENTRIES_MAX, 'of the wrong length');
      let last = -1;
      for (let at = HEADER_BYTES + 2; at < length; at += ENTRY_BYTES) {
        const register = view.getUint16(at);
        check(register > last && register < REGISTERS, 'with registers out of order');
        sketch.#raise(register, checkedRank(bytes[at + 2]!, 1));
        last = register;
      }
      return sketch;
    }
    check(bytes[0] === VERSION_DENSE, `of version ${bytes[0]}, not 1 or 2`);
    check(bytes.length === HEADER_BYTES + REGISTERS, 'of the wrong length');
    for (let register = 0; register < REGISTERS; register += 1) {
      const rank = checkedRank(bytes[HEADER_BYTES + register]!, 0);
      if (rank > 0) sketch.#raise(register, rank);
    }
    check(sketch.#used > SPARSE_ENTRIES_MAX, 'dense with too few registers in use');
    return sketch;
  }

  #addHash(): void {
    const rest = mix.high & 0x3ffff;
    const rank = rest === 0 ? 19 + Math.clz32(mix.low) : Math.clz32(rest) - 13;
    this.#raise(mix.high >>> (32 - PRECISION), rank);
  }

  #raise(register: number, rank: number): void {
    const before = this.#dense?.[register] ?? this.#sparse.get(register) ?? 0;
    if (rank <= before) return;
    if (before === 0) this.#used += 1;
    if (this.#dense === undefined && this.#used > MAP_ENTRIES_MAX) {
      this.#dense = new Uint8Array(REGISTERS);
      for (const [key, value] of this.#sparse) this.#dense[key] = value;
      this.#sparse.clear();
    }
    if (this.#dense === undefined) this.#sparse.set(register, rank);
    else this.#dense[register] = rank;
  }

  /** Calls with every register in use, ascending. */
  #forEach(call: (register: number, rank: number) => void): void {
    if (this.#dense === undefined) {
      const registers = [...this.#sparse.keys()].sort((a, b) => a - b);
      for (const register of registers) call(register, this.#sparse.get(register)!);
      return;
    }
    for (let register = 0; register < REGISTERS; register += 1) {
      const rank = this.#dense[register]!;
      if (rank > 0) call(register, rank);
    }
  }
}

const SCRATCH_BYTES = 4096;
let scratch = new DataView(new ArrayBuffer(SCRATCH_BYTES));
const encoder = new TextEncoder();
const mix = new MixHash();

/** Ertl's σ: the share of registers that are still zero, corrected for few values. */
function sigma(share: number): number {
  if (share === 1) return Infinity;
  let [x, y, z] = [share, 1, share];
  for (;;) {
    x *= x;
    const before = z;
    z += x * y;
    y += y;
    if (z === before) return z;
  }
}

/** Ertl's τ: the share of registers below the largest rank, corrected for very many values. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [x, y, z] = [share, 1, 1 - share];
  for (;;) {
    x = Math.sqrt(x);
    const before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
    if (z === before) return z / 3;
  }
}

function checkedRank(rank: number, min: number): number {
  check(rank >= min && rank <= RANK_MAX, `with a rank of ${rank}`);
  return rank;
}

function check(holds: boolean, fault: string): void {
  if (!holds) throw new RangeError(`The bytes of a HyperLogLog are ${fault}.`);
}
