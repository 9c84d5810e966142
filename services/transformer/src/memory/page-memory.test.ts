import { expect, test } from 'vitest';
import { beginPages, givePagesBack, keepPage } from './page-memory.ts';

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

test('memory of pages that were committed is that of the next ones, of others never', () => {
  const take = (count: number): Uint8Array[] => {
    beginPages();
    return Array.from({ length: count }, (_, i) => keepPage(new Uint8Array(MIB).fill(i)));
  };
  const buffersOf = (pages: Uint8Array[]): Set<ArrayBufferLike> =>
    new Set(pages.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > MIB));
  const inCommon = (some: Uint8Array[], others: Uint8Array[]): number =>
    [...buffersOf(some)].filter((buffer) => buffersOf(others).has(buffer)).length;
  const first = take(60);
  const second = take(60);
  // Both are under way: they have nothing in common.
  expect(inCommon(first, second)).toBe(0);
  givePagesBack(first);
  const third = take(60);
  expect(buffersOf(third)).toEqual(buffersOf(first));
  for (const pages of [second, third]) {
    expect(pages.every((page, i) => page[0] === i && page.at(-1) === i)).toBe(true);
  }
  // What was left out of a commit, and small pages, are nobody's.
  givePagesBack([undefined, new Uint8Array(10)]);
  // No more is kept than one commit takes.
  for (const pages of [second, second, third, take(90)]) givePagesBack(pages);
  const [fourth, fifth] = [take(60), take(60)];
  expect(inCommon(fourth, fifth)).toBe(0);
});
