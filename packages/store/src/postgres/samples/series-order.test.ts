import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderByIdHigh } from './series-order.ts';

/** By the signed upper half of the id; what has the same stays as it is. */
function simplyOrdered(idHigh: Uint32Array): number[] {
  return [...idHigh.keys()].sort((a, b) => (idHigh[a]! | 0) - (idHigh[b]! | 0) || a - b);
}

const halves = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);

test('rows are in the order of signed ids, those of one series as they came', () => {
  fc.assert(
    fc.property(fc.array(halves, { maxLength: 300 }), (some) => {
      const idHigh = Uint32Array.from(some);
      expect([...orderByIdHigh(idHigh)]).toEqual(simplyOrdered(idHigh));
      // Very many are ordered in another way: the same ones again and again, and some beside them.
      const many = Uint32Array.from({ length: 20_001 }, (_, i) =>
        some.length > 0 && i % 3 > 0 ? some[i % some.length]! : Math.imul(i, 0x9e37_79b1),
      );
      expect([...orderByIdHigh(many)]).toEqual(simplyOrdered(many));
    }),
    { numRuns: 20 },
  );
});
