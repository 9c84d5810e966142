import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PieceInputs } from './piece-inputs.ts';

interface Call {
  series: number;
  timeUs: number;
  value: number;
}

/** A fingerprint whose series_id is no other's; high numbers differ in their first byte only. */
function fingerprint(series: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = series >> 3;
  bytes[7] = series & 7;
  return bytes;
}

function inputsOf(calls: readonly Call[]): PieceInputs {
  const inputs = PieceInputs.empty();
  for (const { series, timeUs, value } of calls) inputs.set(fingerprint(series), 0, timeUs, value);
  return inputs;
}

/** Series and value, by series, of the newest call each; among equals the last one. */
function newest(calls: readonly Call[]): Map<number, Call> {
  const result = new Map<number, Call>();
  for (const call of calls) {
    const known = result.get(call.series);
    if (known === undefined || call.timeUs >= known.timeUs) result.set(call.series, call);
  }
  return new Map([...result].sort((a, b) => a[0] - b[0]));
}

const call: fc.Arbitrary<Call> = fc.record({
  series: fc.nat({ max: 2047 }),
  timeUs: fc.nat({ max: 5 }),
  value: fc.oneof(fc.double(), fc.integer({ min: -5, max: 5 })),
});
const calls = fc.array(call, { maxLength: 200 });

describe('piece inputs', () => {
  test('the drawn layout', () => {
    const inputs = PieceInputs.empty();
    const bytes = Uint8Array.from([0, 0xff, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9, 9, 9]);
    inputs.set(bytes, 1, 2, NaN);
    inputs.set(new Uint8Array(16), 0, 1, -0.5);
    expect(Buffer.from(inputs.encode()).toString('hex')).toBe(
      '01' +
        '00000002' +
        '00000000000000003ff0000000000000bfe0000000000000' +
        'ff0102030405060740000000000000007ff8000000000000',
    );
    expect(inputs.has(bytes, 1)).toBe(true);
    expect(inputs.has(bytes, 0)).toBe(false);
  });

  test('keep the newest value of every series', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const inputs = inputsOf(list);
        const expected = newest(list);
        let sum = 0;
        for (const { value } of expected.values()) sum += value;
        expect(inputs.size).toBe(expected.size);
        expect(inputs.count()).toBe(expected.size);
        expect(inputs.sumLast()).toBe(sum);
        expect(inputs.avgLast()).toBe(expected.size === 0 ? NaN : sum / expected.size);
        const bytes = inputs.encode();
        expect(bytes).toEqual(inputsOf([...expected.values()]).encode());
        expect(PieceInputs.decode(bytes).encode()).toEqual(bytes);
        for (const series of expected.keys()) expect(inputs.has(fingerprint(series), 0)).toBe(true);
      }),
    );
  });

  test('merging is making all calls one after the other', () => {
    fc.assert(
      fc.property(calls, calls, calls, (a, b, c) => {
        const left = inputsOf(a);
        left.merge(inputsOf(b));
        left.merge(PieceInputs.decode(inputsOf(c).encode()));
        const right = inputsOf(b);
        right.merge(inputsOf(c));
        const whole = inputsOf(a);
        whole.merge(right);
        const all = inputsOf([...a, ...b, ...c]).encode();
        expect(left.encode()).toEqual(all);
        expect(whole.encode()).toEqual(all);
      }),
    );
  });

  test('a value at the same time wins when it is set later, an older one never', () => {
    const inputs = inputsOf([
      { series: 1, timeUs: 20, value: 1 },
      { series: 1, timeUs: 20, value: 2 },
      { series: 1, timeUs: 10, value: 3 },
    ]);
    expect(inputs.sumLast()).toBe(2);
  });

  test('of anything else are refused with a RangeError', () => {
    const bytes = inputsOf([
      { series: 1, timeUs: 1, value: 1 },
      { series: 2, timeUs: 1, value: 1 },
    ]).encode();
    const decode = (changed: Uint8Array) => () => PieceInputs.decode(changed);
    expect(decode(new Uint8Array())).toThrow(RangeError);
    expect(decode(bytes.with(0, 2))).toThrow('not of version 1');
    expect(decode(bytes.subarray(0, 30))).toThrow('of the wrong length');
    expect(decode(bytes.with(5, 1))).toThrow('not in the order of series_id');
  });
});
