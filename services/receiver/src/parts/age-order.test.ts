import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgeOrder, type Aging } from './age-order.ts';

interface Item extends Aging<Item> {
  name: number;
}

function namesOf(order: AgeOrder<Item>): number[] {
  const names: number[] = [];
  for (let item = order.oldest; item !== undefined; item = item.younger) names.push(item.name);
  return names;
}

describe('items by age', () => {
  it('are those of a set, whichever go', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (changes) => {
        const order = new AgeOrder<Item>();
        const set = new Set<number>();
        const items = Array.from({ length: 10 }, (_, name): Item => {
          return { name, older: undefined, younger: undefined };
        });
        for (const name of changes) {
          if (set.has(name)) {
            expect(order.remove(items[name]!)).toBe(set.delete(name));
            expect(items[name]).toEqual({ name, older: undefined, younger: undefined });
          } else {
            expect(order.remove(items[name]!)).toBe(false);
            order.add(items[name]!);
            set.add(name);
          }
          expect(namesOf(order)).toEqual([...set]);
        }
      }),
    );
  });
});
