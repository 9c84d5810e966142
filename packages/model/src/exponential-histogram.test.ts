import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exponentialBound, exponentialIndex, OCTAVE } from './exponential-bounds.ts';
import { EXPONENTIAL_SPAN_MAX, ExponentialHistogram } from './exponential-histogram.ts';

function histogramOf(values: readonly number[]): ExponentialHistogram {
  const histogram = ExponentialHistogram.empty();
  for (const value of values) histogram.add(value);
  return histogram;
}

/** The double after a positive one. */
function nextUp(value: number): number {
  const bits = new BigUint64Array(new Float64Array([value]).buffer);
  bits[0]! += 1n;
  return new Float64Array(bits.buffer)[0]!;
}

const anyDouble = fc.double({ noNaN: false });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
/** Values near one another, so that a histogram stays at a fine scale. */
const near = fc.double({ noNaN: true, min: 0.5, max: 2.5 });
const values = fc.oneof(fc.array(anyDouble), fc.array(near), fc.array(fc.oneof(near, finite)));

describe('bounds', () => {
  test('every bound of an octave is the largest double not above 2^(k/256)', () => {
    for (let k = 0; k <= 256; k += 1) {
      const units = BigInt(OCTAVE[k]! * 2 ** 52);
      const exact = 1n << BigInt(k + 52 * 256);
      expect(units ** 256n <= exact).toBe(true);
      expect((units + 1n) ** 256n > exact).toBe(true);
    }
  });

  test('a power of two ends its bucket, and the next double begins the next one', () => {
    for (let exponent = -1074; exponent <= 1023; exponent += 1) {
      const power = 2 ** exponent;
      expect(exponentialIndex(power)).toBe(exponent * 256 - 1);
      expect(exponentialBound(exponent * 256)).toBe(power);
    }
    // Next to a subnormal power the next double is many buckets away.
    for (let exponent = -1022; exponent <= 1023; exponent += 1) {
      expect(exponentialIndex(nextUp(2 ** exponent))).toBe(exponent * 256);
    }
  });

  test('a subnormal is found between its neighbours in integers', () => {
    for (let units = 1; units < 5000; units += 7) {
      const index = exponentialIndex(units * Number.MIN_VALUE);
      // 2^(index/256) < units · 2^-1074 <= 2^((index+1)/256), raised to the 256th power.
      const power = BigInt(units) ** 256n;
      const shift = BigInt(index + 1074 * 256);
      expect(shift < 0n || 1n << shift < power).toBe(true);
      expect(power <= 1n << (shift + 1n)).toBe(true);
    }
  });

  test('a value lies above the lower and not above the upper bound of its bucket', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }), (value) => {
        const index = exponentialIndex(value);
        expect(exponentialBound(index)).toBeLessThan(value);
        expect(exponentialBound(index + 1)).toBeGreaterThanOrEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  test('the ends of the doubles', () => {
    expect(exponentialIndex(Number.MIN_VALUE)).toBe(-1074 * 256 - 1);
    expect(exponentialIndex(Number.MAX_VALUE)).toBe(1024 * 256 - 1);
    expect(exponentialBound(1024 * 256)).toBe(Number.MAX_VALUE);
    expect(exponentialBound(-1075 * 256)).toBe(0);
    expect(exponentialBound(-1088 * 256)).toBe(0);
  });
});

describe('bytes', () => {
  test('the drawn layout', () => {
    const histogram = ExponentialHistogram.empty();
    histogram.add(0, 2);
    histogram.add(-0);
    histogram.add(Infinity);
    histogram.add(-Infinity, 2 ** 32 + 5);
    histogram.add(NaN);
    histogram.add(1, 7);
    histogram.add(-2);
    expect(Buffer.from(histogram.encode()).toString('hex')).toBe(
      '0108' +
        '0000000000000003' +
        '0000000000000001' +
        '0000000100000005' +
        '00000001' +
        '00000001' +
        'ffffffff0000000000000007' +
        '000000ff0000000000000001',
    );
    expect(histogram.count).toBe(3 + 1 + 2 ** 32 + 5 + 7 + 1);
  });

  test('do not depend on the order of the values', () => {
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat()), (list, random) => {
        const keyed = list.map((value) => ({ value, key: random.next().value }));
        const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
        expect(histogramOf(shuffled).encode()).toEqual(histogramOf(list).encode());
      }),
    );
  });

  test('do not depend on how the values are grouped into merges', () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        const left = histogramOf(a);
        left.merge(histogramOf(b));
        left.merge(histogramOf(c));
        const right = histogramOf(b);
        right.merge(histogramOf(c));
        const whole = histogramOf(a);
        whole.merge(right);
        const all = histogramOf([...a, ...b, ...c]).encode();
        expect(left.encode()).toEqual(all);
        expect(whole.encode()).toEqual(all);
      }),
    );
  });

  test('are read back as what was written', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const bytes = histogramOf(a).encode();
        const padded = new Uint8Array([9, ...bytes, 9]).subarray(1, bytes.length + 1);
        const read = ExponentialHistogram.decode(padded);
        expect(read.encode()).toEqual(bytes);
        for (const value of b) read.add(value);
        expect(read.encode()).toEqual(histogramOf([...a, ...b]).encode());
      }),
    );
  });

  test('of anything else are refused with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), values, fc.nat(), (noise, list, cut) => {
        const bytes = histogramOf(list).encode();
        const broken = bytes.slice(0, cut % bytes.length);
        expect(() => ExponentialHistogram.decode(broken)).toThrow(RangeError);
        noise[0] = 2;
        expect(() => ExponentialHistogram.decode(noise)).toThrow(RangeError);
      }),
    );
    const bytes = histogramOf([1, 2, 3]).encode();
    const changed = (at: number, byte: number): Uint8Array => bytes.with(at, byte);
    expect(() => ExponentialHistogram.decode(changed(1, 9))).toThrow('of scale 9');
    expect(() => ExponentialHistogram.decode(changed(1, 0x80))).toThrow('of scale -128');
    expect(() => ExponentialHistogram.decode(changed(2, 0xff))).toThrow('above 2^53');
    expect(() => ExponentialHistogram.decode(changed(34, 0x7f))).toThrow('out of order');
    expect(() => ExponentialHistogram.decode(changed(34, 0x80))).toThrow('too many buckets');
  });
});

describe('scale', () => {
  test('is the finest at which both signs fit', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1 }), (list) => {
        const histogram = histogramOf(list);
        const span = (sign: number, shift: number): number => {
          const indices = list
            .filter((value) => value * sign > 0)
            .map((value) => exponentialIndex(value * sign) >> shift);
          return indices.length === 0 ? 0 : Math.max(...indices) - Math.min(...indices) + 1;
        };
        const fits = (scale: number): boolean =>
          Math.max(span(1, 8 - scale), span(-1, 8 - scale)) <= EXPONENTIAL_SPAN_MAX;
        const finestFirst = [8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4];
        expect(histogram.scale).toBe(finestFirst.find(fits));
      }),
    );
  });

  test('-4 holds all doubles at once', () => {
    const ends = [Number.MIN_VALUE, Number.MAX_VALUE, -Number.MIN_VALUE, -Number.MAX_VALUE, 1, -1];
    expect(histogramOf(ends).scale).toBe(-4);
    expect(histogramOf(ends).count).toBe(6);
  });
});

describe('quantile', () => {
  test('is within half a bucket of the value of that rank', () => {
    const q = fc.double({ noNaN: true, min: 0, max: 1 });
    fc.assert(
      fc.property(fc.array(fc.oneof(near, finite, anyDouble), { minLength: 1 }), q, (list, at) => {
        const sorted = Float64Array.from(list.filter((value) => !Number.isNaN(value))).sort();
        fc.pre(sorted.length > 0);
        const exact = sorted[Math.max(1, Math.ceil(at * sorted.length)) - 1]!;
        const histogram = histogramOf(list);
        const estimate = histogram.quantile(at);
        const base = 2 ** (2 ** -histogram.scale);
        const relative = base === Infinity ? 1 : (base - 1) / (base + 1);
        // Among subnormals the ends themselves are whole units.
        const allowed = Math.abs(exact) * relative * (1 + 1e-12) + 2 * Number.MIN_VALUE;
        const error = Number.isFinite(exact) ? Math.abs(estimate - exact) : Infinity;
        const isNear = estimate === exact || error <= allowed;
        // Zero has no sign in a histogram.
        const signs = [Math.sign(estimate) + 0, Math.sign(exact) + 0];
        expect([isNear, estimate, signs[0]]).toEqual([true, estimate, signs[1]]);
      }),
      { numRuns: 1000 },
    );
  });

  test('a thousand latencies, at the finest scale and at a coarse one', () => {
    const histogram = ExponentialHistogram.empty();
    for (let i = 1; i <= 1000; i += 1) histogram.add(i / 1000);
    expect(histogram.scale).toBe(4);
    expect(histogram.quantile(0.5)).toBeCloseTo(0.5, 1);
    expect(Math.abs(histogram.quantile(0.99) - 0.99) / 0.99).toBeLessThan(0.022);
  });

  test('nothing counted, and q outside of its range', () => {
    expect(ExponentialHistogram.empty().quantile(0.5)).toBeNaN();
    expect(histogramOf([NaN]).quantile(0.5)).toBeNaN();
    const histogram = histogramOf([3]);
    expect(histogram.quantile(NaN)).toBeNaN();
    expect(histogram.quantile(-0.1)).toBe(-Infinity);
    expect(histogram.quantile(1.1)).toBe(Infinity);
  });
});

describe('counts', () => {
  test('stop at 2^53 - 1', () => {
    const histogram = ExponentialHistogram.empty();
    histogram.add(1, Number.MAX_SAFE_INTEGER);
    histogram.add(1, 5);
    histogram.add(0);
    expect(histogram.count).toBe(Number.MAX_SAFE_INTEGER);
    expect(ExponentialHistogram.decode(histogram.encode()).count).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([0, -1, 1.5, NaN, 2 ** 53])('%d is none', (count) => {
    expect(() => ExponentialHistogram.empty().add(1, count)).toThrow(RangeError);
  });
});
