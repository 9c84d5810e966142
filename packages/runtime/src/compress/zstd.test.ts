import { expect, test } from 'vitest';
import { loadZstd } from './zstd.ts';

test('whoever loads it works on with the one that others have', async () => {
  const bytes = Buffer.from('a record, '.repeat(5000));
  const first = await loadZstd();
  const packed = first.compress(bytes);
  const second = await loadZstd();
  expect(Buffer.from(second.compress(bytes)).equals(packed)).toBe(true);
  for (const { decompress } of [first, second]) {
    expect(Buffer.from(decompress(packed, bytes.length)).equals(bytes)).toBe(true);
  }
});

test.each([200, 1000, 100_000])('%i bytes fit into as many, and not into fewer', async (length) => {
  const { compress, decompress } = await loadZstd();
  const packed = compress(Buffer.alloc(length, 'x'));
  expect(decompress(packed, length)).toHaveLength(length);
  expect(() => decompress(packed, length - 1)).toThrow(`${length} bytes where`);
});

test('what is damaged is refused', async () => {
  const { compress, decompress } = await loadZstd();
  const packed = compress(Buffer.alloc(1000, 'x'));
  expect(() => decompress(packed.subarray(0, -3), 1000)).toThrow('code');
  expect(() => decompress(Buffer.from('no frame'), 1000)).toThrow('code');
});
