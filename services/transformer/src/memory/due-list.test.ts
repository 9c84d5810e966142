import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueList, secondAfter, secondOf } from './due-list.ts';

const step = fc.oneof(
  fc.record({ what: fc.constant('add' as const), slot: fc.nat(80), second: fc.nat(20) }),
  fc.record({ what: fc.constant('remove' as const), slot: fc.nat(80) }),
  fc.record({ what: fc.constant('take' as const), second: fc.nat(20) }),
);

describe('DueList', () => {
  it('gives each slot once, at the second it was added for last', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new DueList();
        const seconds = new Map<number, number>();
        for (const one of steps) {
          if (one.what === 'add') {
            list.add(one.slot, one.second);
            seconds.set(one.slot, one.second);
          } else if (one.what === 'remove') {
            list.remove(one.slot);
            seconds.delete(one.slot);
          } else {
            const due = [...seconds].filter(([, second]) => second <= one.second);
            const expected = due.map(([slot]) => slot).sort((a, b) => a - b);
            expect(list.take(one.second).sort((a, b) => a - b)).toEqual(expected);
            for (const slot of expected) seconds.delete(slot);
          }
        }
        list.take(Infinity);
        expect(list.entries).toBe(0);
      }),
    );
  });

  it('does not grow while slots are removed and added again', () => {
    const list = new DueList();
    for (let i = 0; i < 10_000; i += 1) {
      list.add(3, 100 + (i % 50));
      list.remove(3);
      expect(list.entries).toBeLessThan(1100);
    }
    list.add(3, 200);
    expect(list.take(150)).toEqual([]);
    expect(list.take(200)).toEqual([3]);
    expect(list.entries).toBe(0);
  });

  it('keeps what is listed while it drops what is old, in whichever second that stands', () => {
    const list = new DueList();
    for (let slot = 0; slot < 200; slot += 1) list.add(slot, 300 + (slot % 3));
    for (let i = 0; i < 5000; i += 1) {
      // Comes back to its second, or is the only one of another when old ones are dropped.
      list.remove(7);
      list.add(7, i % 2 === 0 ? 301 : 1000 + i);
    }
    list.add(7, 301);
    const due = (second: number): number[] => list.take(second).sort((a, b) => a - b);
    const all = Array.from({ length: 200 }, (_, slot) => slot);
    expect(due(300)).toEqual(all.filter((slot) => slot % 3 === 0));
    expect(due(301)).toEqual(all.filter((slot) => slot % 3 === 1));
    expect(due(302)).toEqual(all.filter((slot) => slot % 3 === 2));
    expect(due(Infinity)).toEqual([]);
    expect(list.entries).toBe(0);
  });

  it('rounds times to seconds, also before 1970', () => {
    expect([secondAfter(0), secondAfter(1), secondAfter(-1), secondAfter(1_000_000)]).toEqual([
      0, 1, -0, 1,
    ]);
    expect([secondOf(999_999), secondOf(1_000_000), secondOf(-1)]).toEqual([0, 1, -1]);
  });
});
