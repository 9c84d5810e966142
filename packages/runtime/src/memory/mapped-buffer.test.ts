import { expect, it } from 'vitest';
import { mappedBuffer } from './mapped-buffer.ts';

const MIB = 1024 * 1024;

it('has what is asked for, and nothing between what is kept and what is mapped', () => {
  for (let mib = 0; mib < 40; mib += 1) {
    for (const bytes of [mib * MIB, mib * MIB + 1]) {
      const { byteLength } = mappedBuffer(bytes);
      expect(byteLength).toBeGreaterThanOrEqual(bytes);
      expect(byteLength <= MIB || byteLength > 32 * MIB).toBe(true);
    }
  }
});
