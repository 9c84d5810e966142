/**
 * Where the buckets of a base-2 exponential histogram end, exactly and the same on every engine:
 * no `Math.log`, whose last bit the language leaves open, only exponent bits and a table.
 */

/** The finest scale: 256 buckets for each power of two. */
export const EXPONENTIAL_SCALE_MAX = 8;

const PER_OCTAVE = 1 << EXPONENTIAL_SCALE_MAX;
const MANTISSA_BITS = 52;
const MANTISSA_UNITS = 0x10000000000000;
const EXPONENT_BIAS = 1023;

/**
 * `OCTAVE[k]` is 2^(k/256) rounded *down* to a double, k = 0..256. Every bound but the first and
 * the last is irrational, so for a double m, `m <= OCTAVE[k]` is exactly m <= 2^(k/256).
 */
export const OCTAVE: Float64Array = octaveBounds();

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
const HIGH: number = new Uint8Array(new Float64Array([1]).buffer)[7] === 0x3f ? 1 : 0;
const LOW: number = 1 - HIGH;

/**
 * The bucket of a finite value > 0 at scale 8: the index i with 2^(i/256) < value <= 2^((i+1)/256).
 * At scale s it is `i >> (8 - s)`, because coarser buckets are unions of finer ones.
 */
export function exponentialIndex(value: number): number {
  double[0] = value;
  let exponent = halves[HIGH]! >>> 20;
  if (exponent === 0) {
    // A subnormal: scaled up without loss, so that it has an implicit leading one like the rest.
    double[0] = value * MANTISSA_UNITS;
    exponent = (halves[HIGH]! >>> 20) - MANTISSA_BITS;
  }
  halves[HIGH] = (halves[HIGH]! & 0xfffff) | (EXPONENT_BIAS << 20);
  const mantissa = double[0];
  // The number of bounds below the mantissa, less one; -1 for a power of two.
  let low = 0;
  let high = PER_OCTAVE;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (OCTAVE[middle]! < mantissa) low = middle + 1;
    else high = middle;
  }
  return (exponent - EXPONENT_BIAS) * PER_OCTAVE + low - 1;
}

/**
 * 2^(index/256) rounded down to a double: the upper end of bucket `index - 1` at scale 8 and the
 * open lower end of bucket `index`. 0 below the smallest double, the largest double above it.
 */
export function exponentialBound(index: number): number {
  const octave = Math.floor(index / PER_OCTAVE);
  if (octave > EXPONENT_BIAS) return Number.MAX_VALUE;
  const mantissa = OCTAVE[index - octave * PER_OCTAVE]!;
  if (octave >= 1 - EXPONENT_BIAS) return mantissa * powerOfTwo(octave);
  const units = mantissa * powerOfTwo(Math.max(octave + EXPONENT_BIAS + MANTISSA_BITS - 1, -2));
  return Math.floor(units) * Number.MIN_VALUE;
}

/** 2^exponent for a normal exponent, put together from its bits. */
function powerOfTwo(exponent: number): number {
  halves[HIGH] = (exponent + EXPONENT_BIAS) << 20;
  halves[LOW] = 0;
  return double[0]!;
}

/**
 * Powers of 2^(1/256) in fixed point. Each of the 8 roots and 256 products is off by less than one
 * unit of 2^-256, all of them by less than 2^-240, and no bound lies that near to a double: the
 * test proves each entry by raising it to the 256th power in integers.
 */
function octaveBounds(): Float64Array {
  const bits = 256n;
  let root = 2n << bits;
  for (let i = 0; i < EXPONENTIAL_SCALE_MAX; i += 1) root = squareRoot(root << bits);
  const bounds = new Float64Array(PER_OCTAVE + 1);
  let power = 1n << bits;
  for (let k = 0; k < PER_OCTAVE; k += 1) {
    bounds[k] = Number(power >> (bits - BigInt(MANTISSA_BITS))) / MANTISSA_UNITS;
    power = (power * root) >> bits;
  }
  bounds[PER_OCTAVE] = 2;
  return bounds;
}

/** The integer part of the square root, by Newton's iteration from above. */
function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt((square.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
