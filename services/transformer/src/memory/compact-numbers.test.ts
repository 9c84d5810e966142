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

  it('are those at some places of each slot, of columns of all kinds', () => {
    const width = fc.integer({ min: 1, max: 20 });
    const kinds = fc.constantFrom(Float64Array, Uint32Array, Uint8Array);
    const columns = fc.record({
      width,
      kind: kinds,
      from: width,
      some: fc.array(number, { maxLength: 200 }),
    });
    fc.assert(
      fc.property(columns, fc.infiniteStream(fc.boolean()), ({ width: w, kind, ...of }, isIn) => {
        const places = Array.from({ length: w }, (_, i) => i).filter(
          (i) => i === 0 || isIn.next().value,
        );
        const slots = Math.floor(of.some.length / w);
        const before = Array.from({ length: of.from * w }, () => 7);
        const data = kind.from([...before, ...of.some.slice(0, slots * w)]);
        const [from, end] = [of.from * w, (of.from + slots) * w];
        const wanted = Array.from({ length: slots }, (_, slot) =>
          places.map((place) => data[from + slot * w + place]!),
        ).flat();
        const writer = new CompactWriter();
        writer.reset();
        // Twice: a group begins from nothing, whatever stands before it.
        for (let i = 0; i < 2; i += 1) writer.group(data, { from, end, width: w, places });
        const { length } = wanted;
        expect(bits(read(writer.view(), [length, length]))).toEqual(bits([wanted, wanted]));
      }),
      { numRuns: 500 },
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
