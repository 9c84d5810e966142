import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mappedLength } from './mapped-length.ts';

const MIB = 1024 * 1024;

it('is never less than what is needed, and nothing between what is kept and what is mapped', () => {
  fc.assert(
    fc.property(fc.nat({ max: 64 * MIB }), fc.constantFrom(1, 4, 8, 21), (length, bytesEach) => {
      const room = mappedLength(length, bytesEach);
      const bytes = room * bytesEach;
      expect(room).toBeGreaterThanOrEqual(length);
      expect(bytes <= 16 * MIB || bytes > 32 * MIB).toBe(true);
      // A room that grows may take what the one before had, all of it.
      expect(mappedLength(length + 1, bytesEach)).toBeGreaterThanOrEqual(room);
    }),
  );
});
