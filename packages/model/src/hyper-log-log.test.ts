import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HyperLogLog } from './hyper-log-log.ts';
import { MixHash } from './mix-hash.ts';

type Value = number | string;

function sketchOf(values: Iterable<Value>): HyperLogLog {
  const sketch = HyperLogLog.empty();
  for (const value of values) {
    if (typeof value === 'number') sketch.addNumber(value);
    else sketch.addText(value);
  }
  return sketch;
}

function* numbers(from: number, to: number): Iterable<number> {
  for (let i = from; i < to; i += 1) yield i;
}

/** A plain `toEqual` takes milliseconds for 16 KB. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const someValues = fc.array(fc.oneof(fc.double(), fc.string({ unit: 'grapheme' })));
/** Runs of numbers long enough to leave the sparse form, in memory and in bytes. */
const manyValues = fc
  .tuple(fc.nat({ max: 20_000 }), fc.nat({ max: 6000 }))
  .map(([from, count]) => [...numbers(from, from + count)]);

describe('accuracy', () => {
  test.each([100, 1000, 10_000, 100_000, 1_000_000])('%d values, to 3 percent', (count) => {
    const plain = sketchOf(numbers(0, count)).estimate();
    expect(Math.abs(plain - count) / count).toBeLessThan(0.03);
    const fractions = HyperLogLog.empty();
    for (let i = 0; i < count; i += 1) fractions.addNumber(i / 1000);
    expect(Math.abs(fractions.estimate() - count) / count).toBeLessThan(0.03);
    const texts = HyperLogLog.empty();
    for (let i = 0; i < count; i += 1) texts.addText(`user-${i}`);
    expect(Math.abs(texts.estimate() - count) / count).toBeLessThan(0.03);
  });

  test('few values are counted exactly', () => {
    expect(HyperLogLog.empty().estimate()).toBe(0);
    expect(sketchOf(['one']).estimate()).toBe(1);
    expect(sketchOf(numbers(0, 20)).estimate()).toBe(20);
  });

  test('a value added again, NaN with any payload and -0 change nothing', () => {
    const payload = new Float64Array(new Uint32Array([2, 0x7ff00000]).buffer)[0]!;
    const sketch = sketchOf([NaN, 0, 'a']);
    const before = sketch.encode();
    for (const value of [NaN, payload, -NaN, 0, -0, 'a']) {
      if (typeof value === 'number') sketch.addNumber(value);
      else sketch.addText(value);
    }
    expect(sketch.encode()).toEqual(before);
    expect(sketch.estimate()).toBe(3);
  });

  test('texts that begin alike, are long, or look like a number are different', () => {
    const texts = ['', '\0', '\0\0', 'a', 'a\0', '1', 'x'.repeat(9000), `${'x'.repeat(8999)}y`];
    expect(sketchOf([...texts, 1]).estimate()).toBe(9);
  });
});

describe('bytes', () => {
  test('never change: sketches of years ago are merged with those of today', () => {
    expect(Buffer.from(sketchOf([1, 'a', '']).encode()).toString('hex')).toBe(
      '010e0003227b012626013f4201',
    );
    const texts = Array.from(numbers(0, 3000), (i) => `${'é'.repeat(i % 9)}${i}`);
    const dense = sketchOf([...numbers(-3000, 3000), ...texts]).encode();
    expect(createHash('sha256').update(dense).digest('hex')).toBe(GOLDEN_DENSE_SHA256);
  });

  test('do not depend on order, repetition or grouping', () => {
    fc.assert(
      fc.property(fc.oneof(someValues, manyValues), someValues, manyValues, (a, b, c) => {
        const union = sketchOf([...a, ...b, ...c]).encode();
        expect(sameBytes(sketchOf([...c, ...b, ...a, ...b].toReversed()).encode(), union)).toBe(
          true,
        );
        const left = sketchOf(a);
        left.merge(sketchOf(b));
        left.merge(sketchOf(c));
        expect(sameBytes(left.encode(), union)).toBe(true);
        const right = sketchOf(c);
        right.merge(sketchOf(b));
        const whole = sketchOf(a);
        whole.merge(right);
        expect(sameBytes(whole.encode(), union)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('are read back as what was written', () => {
    fc.assert(
      fc.property(fc.oneof(someValues, manyValues), someValues, (a, b) => {
        const bytes = sketchOf(a).encode();
        const padded = new Uint8Array([9, ...bytes, 9]).subarray(1, bytes.length + 1);
        const read = HyperLogLog.decode(padded);
        expect(sameBytes(read.encode(), bytes)).toBe(true);
        expect(read.estimate()).toBe(sketchOf(a).estimate());
        read.merge(sketchOf(b));
        expect(sameBytes(read.encode(), sketchOf([...a, ...b]).encode())).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('turn dense above 4096 registers in use', () => {
    const sketch = HyperLogLog.empty();
    const lengths = new Set<number>();
    for (let i = 0; i < 6000; i += 1) {
      sketch.addNumber(i);
      if (i % 100 === 0) lengths.add(sketch.encode().length);
    }
    expect(Math.max(...lengths)).toBe(16_386);
    const sparse = [...lengths].filter((length) => length !== 16_386);
    expect(Math.max(...sparse)).toBeLessThanOrEqual(4 + 3 * 4096);
    expect(sketch.encode()[0]).toBe(2);
  });

  test('of anything else are refused with a RangeError', () => {
    const sparse = sketchOf(['a', 'b']).encode();
    const dense = sketchOf(numbers(0, 10_000)).encode();
    const decode = (bytes: Uint8Array) => () => HyperLogLog.decode(bytes);
    expect(decode(new Uint8Array())).toThrow(RangeError);
    expect(decode(sparse.with(0, 3))).toThrow('of version 3');
    expect(decode(sparse.with(1, 12))).toThrow('not of precision 14');
    expect(decode(sparse.subarray(1))).toThrow(RangeError);
    expect(decode(sparse.subarray(0, sparse.length - 1))).toThrow('of the wrong length');
    expect(decode(sparse.with(4, 0xff))).toThrow('out of order');
    expect(decode(sparse.with(6, 0))).toThrow('with a rank of 0');
    expect(decode(dense.with(2, 52))).toThrow('with a rank of 52');
    expect(decode(dense.fill(0, 2))).toThrow('too few registers');
  });
});

describe('hash', () => {
  test('every bit of the input turns every bit of the result half of the time', () => {
    const mix = new MixHash();
    const rounds = 2000;
    const flips = new Uint32Array(64 * 64);
    const view = new DataView(new ArrayBuffer(8));
    const bits = (at: number): [number, number] => {
      mix.hash(view, at, 7);
      return [mix.high, mix.low];
    };
    for (let round = 0; round < rounds; round += 1) {
      // Counters, the worst real input: few bits differ from one to the next.
      view.setFloat64(0, round, true);
      const [high, low] = bits(8);
      for (let bit = 0; bit < 64; bit += 1) {
        const byte = view.getUint8(bit >> 3);
        view.setUint8(bit >> 3, byte ^ (1 << (bit & 7)));
        const [highNow, lowNow] = bits(8);
        view.setUint8(bit >> 3, byte);
        for (let out = 0; out < 32; out += 1) {
          flips[bit * 64 + out]! += ((high ^ highNow) >>> out) & 1;
          flips[bit * 64 + 32 + out]! += ((low ^ lowNow) >>> out) & 1;
        }
      }
    }
    for (const flipped of flips) {
      // Six standard deviations of a fair coin.
      expect(Math.abs(flipped / rounds - 0.5)).toBeLessThan(0.067);
    }
  });
});

const GOLDEN_DENSE_SHA256 = 'ff9d0d172875316276d1df8805d0219f296dc4db171da7e20aabd81298aeb766';
