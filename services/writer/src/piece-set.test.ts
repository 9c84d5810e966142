import { fingerprintOf, type Piece } from '@millrace/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PieceSet } from './piece-set.ts';

it('tells pieces apart by whatever names them, and by nothing else', () => {
  const small = fc.integer({ min: 0, max: 2 });
  const arbitrary = fc.record({
    n: fc.integer({ min: 0, max: 30 }),
    start: small,
    width: small,
    piece: small.map((n) => n * 2 ** 40),
    edition: small.map((n) => 1.7e12 + n),
    count: small,
  });
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 300 }), (list) => {
      const set = new PieceSet();
      const known = new Set<string>();
      for (const { n, start, width, count, ...rest } of list) {
        const piece: Piece = {
          ...rest,
          ...{ count, marked: false, startUs: start * 3e8, widthUs: (1 + width) * 3e8 },
          fingerprint: fingerprintOf('test', [['__name__', `series_${n}`]]),
        };
        const key = JSON.stringify([n, start, width, rest]);
        expect(set.add(piece)).toBe(!known.has(key));
        known.add(key);
      }
    }),
  );
});
