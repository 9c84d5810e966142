import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyIndex } from './key-index.ts';

describe('KeyIndex', () => {
  it('finds what a map would find, through insertions and removals', () => {
    // Few different first lanes: long runs of collisions.
    const key = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 40 }));
    const step = fc.record({ key, add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const index = new KeyIndex();
        index.reserve(1024);
        const known = new Map<string, number>();
        let next = 0;
        for (const { key: k, add } of steps) {
          const name = k.join();
          const slot = known.get(name);
          if (add && slot === undefined) {
            index.insert(next, k[0], k[1], 7, 9);
            known.set(name, next);
            next += 1;
          } else if (!add && slot !== undefined) {
            index.remove(slot);
            known.delete(name);
          }
          expect(index.find(k[0], k[1], 7, 9)).toBe(known.get(name) ?? -1);
        }
        expect(index.size).toBe(known.size);
        for (const [name, slot] of known) {
          const [a, b] = name.split(',').map(Number);
          expect(index.find(a!, b!, 7, 9)).toBe(slot);
        }
      }),
      { numRuns: 300 },
    );
  });
});
