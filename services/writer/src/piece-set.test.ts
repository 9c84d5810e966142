import { fingerprintOf, type Piece } from '@millrace/model';
import { PieceColumns } from '@millrace/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PieceSet } from './piece-set.ts';

const small = fc.integer({ min: 0, max: 2 });
const named = fc
  .record({
    n: fc.integer({ min: 0, max: 30 }),
    start: small,
    width: small,
    piece: small.map((n) => n * 2 ** 40),
    edition: small.map((n) => 1.7e12 + n),
    count: small,
  })
  .map(({ n, start, width, count, ...rest }) => {
    const piece: Piece = {
      ...rest,
      ...{ count, marked: false, startUs: start * 3e8, widthUs: (1 + width) * 3e8 },
      fingerprint: fingerprintOf('test', [['__name__', `series_${n}`]]),
    };
    return { piece, key: JSON.stringify([n, start, width, rest]) };
  });

it('tells pieces apart by whatever names them, and by nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(named, { maxLength: 300 }),
      fc.array(named, { maxLength: 60 }),
      (list, others) => {
        const set = new PieceSet(PieceColumns.of(list.map(({ piece }) => piece)));
        const firsts = new Map<string, number>();
        for (const [at, { key }] of list.entries()) {
          expect(set.add(at)).toBe(!firsts.has(key));
          if (!firsts.has(key)) firsts.set(key, at);
        }
        expect([...set.places()]).toEqual([...firsts.values()]);
        set.leaveOut(PieceColumns.of(others.map(({ piece }) => piece)));
        for (const { key } of others) firsts.delete(key);
        expect([...set.places()]).toEqual([...firsts.values()]);
        // For good.
        for (const at of list.keys()) expect(set.add(at)).toBe(false);
      },
    ),
  );
});
