import { expect, test } from 'vitest';
import { beginPages, keepPage } from './page-memory.ts';

const MIB = 1024 * 1024;

test('pages of a large commit share few pieces of memory, those of small ones do not', () => {
  const buffers = (count: number, bytes: number): number => {
    beginPages();
    const pages = Array.from({ length: count }, (_, i) => {
      const written = new Uint8Array(bytes).fill(i);
      const page = keepPage(written);
      // What is written next must not show.
      written.fill(255);
      return page;
    });
    expect(pages.every((page, i) => page.length === bytes && page.every((b) => b === i))).toBe(
      true,
    );
    return new Set(pages.map(({ buffer }) => buffer)).size;
  };
  expect(buffers(100, 1000)).toBe(100);
  expect(buffers(100, 500_000)).toBeLessThan(20);
  expect(buffers(2, 40 * MIB)).toBe(2);
});
