import { expect, it } from 'vitest';
import { LoadedPages } from './loaded-pages.ts';

const PAGE_BYTES = 5 * 1024 * 1024;

it('are what they were copied from, however many they are, and share no byte', () => {
  const memory = new LoadedPages();
  // As a buffer of LMDB's binding: another page is in it by the time of the next call.
  const reused = new Uint8Array(PAGE_BYTES + 9);
  const pages = Array.from({ length: 20 }, (_, i) => {
    reused.fill(i + 1);
    return memory.copyOf(reused.subarray(9));
  });
  for (const [i, page] of pages.entries()) {
    expect(Buffer.alloc(PAGE_BYTES, i + 1).equals(page)).toBe(true);
  }
  pages[7]!.fill(0);
  expect([pages[6]!.at(-1), pages[8]!.at(0)]).toEqual([7, 9]);
  // A few megabytes have memory of their own, the rest lies together.
  expect(new Set(pages.map(({ buffer }) => buffer)).size).toBe(1 + 4);
});

it('of no byte is a page', () => {
  expect(new LoadedPages().copyOf(new Uint8Array(0))).toEqual(new Uint8Array(0));
});
