import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextCache } from './text-cache.ts';

const read = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.subarray(start, end)).toString('utf8');

it('gives the text of the bytes, whichever were there before', () => {
  const cache = new TextCache(read);
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 200 });
  fc.assert(
    fc.property(texts, fc.nat({ max: 5 }), (all, before) => {
      for (const text of [...all, ...all]) {
        const utf8 = Buffer.from(text);
        const placed = Buffer.concat([Buffer.alloc(before, 0x61), utf8, Buffer.alloc(3, 0x62)]);
        expect(cache.of(placed, before, before + utf8.length)).toBe(text);
      }
    }),
  );
  // More than there are places, so that they take one another's.
  for (let i = 0; i < 20_000; i += 1) {
    const text = `value ${i % 7000}`;
    expect(cache.of(Buffer.from(text), 0, text.length)).toBe(text);
  }
});

it('makes a text once while it is there, and keeps none that cannot be read', () => {
  let made = 0;
  const cache = new TextCache((bytes, start, end) => {
    made += 1;
    if (bytes[start] === 0xff) throw new Error('no text');
    return read(bytes, start, end);
  });
  const name = Buffer.from('__name__');
  for (let i = 0; i < 3; i += 1) expect(cache.of(name, 0, name.length)).toBe('__name__');
  expect(made).toBe(1);
  for (let i = 0; i < 2; i += 1) expect(() => cache.of(Buffer.of(0xff), 0, 1)).toThrow('no text');
  expect(made).toBe(3);
});
