import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompactReader, CompactWriter } from './compact-numbers.ts';

function written(groups: readonly (readonly number[])[]): Uint8Array {
  const writer = new CompactWriter();
  writer.reset();
  for (const numbers of groups) {
    const whole = { from: 0, end: numbers.length, width: 1, places: [0] };
    writer.group(Float64Array.from(numbers), whole);
  }
  return writer.view().slice();
}

function read(bytes: Uint8Array, lengths: readonly number[]): number[][] {
  const reader = new CompactReader(bytes);
  const groups = lengths.map((length) => {
    reader.begin();
    return Array.from({ length }, () => reader.number());
  });
  reader.end();
  return groups;
}

const bits = (groups: readonly (readonly number[])[]): string[] =>
  groups.map((numbers) => Buffer.from(Float64Array.from(numbers).buffer).toString('hex'));

const decimals = fc
  .tuple(fc.integer(), fc.integer({ min: 0, max: 7 }))
  .map(([whole, digits]) => whole / 10 ** digits);
const few = fc.constantFrom(0, -0, 1, 300e6, 3600e6, NaN, Infinity, -Infinity, 1.764e15, 2 ** 52);
const number = fc.oneof(few, decimals, fc.double(), fc.integer(), fc.maxSafeInteger());

describe('compact numbers', () => {
  it('come back with every bit, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.array(number, { maxLength: 100 }), { maxLength: 4 }), (groups) => {
        const lengths = groups.map(({ length }) => length);
        expect(bits(read(written(groups), lengths))).toEqual(bits(groups));
      }),
      { numRuns: 1000 },
    );
  });

  it('take a byte or two each when they are like the ones before', () => {
    const same = Array.from({ length: 150 }, () => 1_764_400_000_000_000);
    expect(written([same]).length).toBeLessThan(20);
    const turns = Array.from({ length: 150 }, (_, i) => (i % 2 === 0 ? 300e6 : 3600e6));
    expect(written([turns]).length).toBeLessThan(25);
    const gauge = Array.from({ length: 100 }, (_, i) => (2000 + ((i * 37) % 60)) / 100);
    expect(written([gauge]).length).toBeLessThan(205);
  });

  it('are refused when they are cut off, too many, or mean nothing', () => {
    const bytes = written([[1, 1.5, 1 / 3, 7, 7, 7]]);
    const refused = (some: Uint8Array, length: number): void => {
      expect(() => read(some, [length])).toThrow(
        expect.objectContaining({ code: 'STATE_INCOMPLETE' }),
      );
    };
    for (let end = 0; end < bytes.length; end += 1) refused(bytes.subarray(0, end), 6);
    for (const length of [3, 5, 7]) refused(bytes, length);
    for (const bad of [[0xc0], [0xff], [0xe5], [0x17, ...new Array<number>(12).fill(0xff)]]) {
      refused(Uint8Array.from(bad), 1);
    }
  });
});
