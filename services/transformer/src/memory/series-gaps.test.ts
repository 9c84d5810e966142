import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesGaps } from './series-gaps.ts';

const list = fc
  .array(fc.tuple(fc.double(), fc.double()), { maxLength: 5 })
  .map((gaps) => gaps.flat());
const step = fc.record({ slot: fc.nat({ max: 400 }), gaps: fc.option(list, { nil: undefined }) });

describe('gaps of series', () => {
  it('are those that a map of lists would hold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const gaps = new SeriesGaps();
        const expected = new Map<number, readonly number[]>();
        for (const { slot, gaps: some } of steps) {
          if (some === undefined) {
            gaps.delete(slot);
            expected.delete(slot);
          } else {
            gaps.set(slot, some);
            expected.set(slot, some);
          }
          expect(gaps.size).toBe(expected.size);
        }
        for (let slot = 0; slot <= 500; slot += 1) {
          expect(gaps.get(slot)).toEqual(expected.get(slot));
        }
      }),
    );
  });

  it('are given as lists that nobody else has', () => {
    const gaps = new SeriesGaps();
    gaps.set(3, [-Infinity, 5]);
    gaps.get(3)!.push(7, 9);
    expect(gaps.get(3)).toEqual([-Infinity, 5]);
  });

  it('of one series that has many take no room of all the others', () => {
    const gaps = new SeriesGaps();
    const SLOTS = 100_000;
    const many = Array.from({ length: 32 }, (_, i) => i);
    gaps.set(SLOTS, many);
    // How many, and two places.
    expect(gaps.slotBytes).toBe(4 + 2 * 16);
    expect(gaps.get(SLOTS)).toEqual(many);
    gaps.set(SLOTS, [1, 2, 3, 4]);
    expect(gaps.get(SLOTS)).toEqual([1, 2, 3, 4]);
    gaps.set(SLOTS, many);
    gaps.delete(SLOTS);
    expect(gaps.get(SLOTS)).toBeUndefined();
  });
});
