import * as fc from 'fast-check';
import { uncompress } from 'snappyjs';
import { describe, expect, test } from 'vitest';
import { DecodeError } from './samples/decode-error.ts';
import { compressSnappy, snappyBufferBytes, uncompressSnappy } from './snappy.ts';

const BYTES_MAX = 1 << 20;

/** Bytes with the repetition that makes a compressor write copies of every distance. */
const repetitive = fc
  .array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 40 })),
    { maxLength: 40 },
  )
  .map((runs) => {
    const parts = runs.flatMap(([run, times]) => Array.from({ length: times }, () => run));
    return Uint8Array.from(Buffer.concat([...parts, ...parts.slice(0, 50)]));
  });

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function reasonOf(uncompressing: () => unknown): string | undefined {
  try {
    uncompressing();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

describe('against snappyjs', () => {
  test('uncompresses what it compresses, also into a buffer that was used before', () => {
    const into = new Uint8Array(snappyBufferBytes(BYTES_MAX)).fill(0xaa);
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 300 })), (plain) => {
        const compressed = compressSnappy(plain);
        expect(Buffer.compare(uncompressSnappy(compressed, BYTES_MAX), plain)).toBe(0);
        const reused = uncompressSnappy(compressed, BYTES_MAX, into);
        expect(Buffer.compare(reused, plain)).toBe(0);
        expect(reused.buffer).toBe(into.buffer);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps every bit of what would be no number, or a zero', () => {
    // Signalling and quiet ones, of both signs: the first is how Prometheus says "stale".
    const word = fc.constantFrom(
      ...['020000000000f07f', '010000000000f87f', '010000000000f0ff', 'ffffffffffffffff'],
      ...['0000000000000080', '0000000000000000', '0123456789abcdef'],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), fc.nat({ max: 7 }), (words, shift) => {
        const once = Buffer.concat([Buffer.alloc(shift, 1), hex(words.join(''))]);
        const plain = Uint8Array.from(Buffer.concat([once, once]));
        const uncompressed = uncompressSnappy(compressSnappy(plain), BYTES_MAX);
        expect(Buffer.compare(uncompressed, plain)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('agrees with it on any elements, malformed ones included', () => {
    // Tags and distances that often fit, so that both outcomes are frequent.
    const element = fc.oneof(
      fc
        .uint8Array({ minLength: 1, maxLength: 9 })
        .map((bytes) => [(bytes.length - 1) << 2, ...bytes]),
      fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 20 })).map(([n, back]) => [(n << 2) | 1, back]),
      fc
        .tuple(fc.nat({ max: 63 }), fc.nat({ max: 20 }))
        .map(([n, back]) => [(n << 2) | 2, back, 0]),
    );
    let valid = 0;
    fc.assert(
      fc.property(fc.array(element, { maxLength: 8 }), (elements) => {
        const content = elements.flat();
        const claimed = elements.reduce((sum, bytes) => {
          const tag = bytes[0] ?? 0;
          return sum + ((tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1);
        }, 0);
        const block = Uint8Array.from([(claimed & 127) | 128, claimed >> 7, ...content]);
        const mine = attempt(() => uncompressSnappy(block, BYTES_MAX));
        expect(mine).toEqual(attempt(() => uncompress(block, BYTES_MAX)));
        if (mine !== 'refused') valid += 1;
      }),
      { numRuns: 2000 },
    );
    expect(valid).toBeGreaterThan(100);
  });
});

function attempt(uncompressing: () => Uint8Array): number[] | 'refused' {
  try {
    return [...uncompressing()];
  } catch {
    return 'refused';
  }
}

describe('elements', () => {
  const a = '61';
  const cases: [name: string, block: string, plain: string][] = [
    ['nothing', '00', ''],
    ['a literal', '03 08 616263', 'abc'],
    ['a literal whose length takes a byte', `3d f0 3c ${a.repeat(61)}`, 'a'.repeat(61)],
    ['a literal whose length takes two bytes', `03 f4 0200 616263`, 'abc'],
    ['a literal whose length takes three bytes', `03 f8 020000 616263`, 'abc'],
    ['a literal whose length takes four bytes', `03 fc 02000000 616263`, 'abc'],
    ['a copy that overlaps itself', '05 00 61 01 01', 'aaaaa'],
    ['a copy with a distance of two bytes', '06 08 616263 0a 0300', 'abcabc'],
    ['a copy with a distance of four bytes', '06 08 616263 0b 03000000', 'abcabc'],
    ['a length that is not in its shortest form', '838000 08 616263', 'abc'],
  ];
  test.each(cases)('%s', (_, block, plain) => {
    const uncompressed = uncompressSnappy(hex(block), BYTES_MAX);
    expect(Buffer.from(uncompressed).toString('latin1')).toBe(plain);
  });

  test('every overlapping distance, at every length', () => {
    for (let back = 1; back <= 20; back += 1) {
      const seed = Uint8Array.from({ length: back }, (_, i) => i);
      for (let length = 1; length <= 64; length += 1) {
        const total = back + length;
        const block = [total, (back - 1) << 2, ...seed, ((length - 1) << 2) | 2, back, 0];
        const expected = Array.from({ length: total }, (_, i) => i % back);
        expect([...uncompressSnappy(Uint8Array.from(block), BYTES_MAX)]).toEqual(expected);
      }
    }
  });
});

describe('hostile blocks', () => {
  const cases: [name: string, block: string][] = [
    ['no bytes at all', ''],
    ['a length that is cut off', '80'],
    ['a length of six bytes', '808080808001'],
    ['a length above 32 bits', 'ffffffff1f'],
    ['a length without elements', '01'],
    ['more than a block can become', 'e807 00 61'],
    ['a literal that is cut off', '03 08 6162'],
    ['a literal whose length is cut off', '03 f0'],
    ['a literal of 4 GiB', '05 fc ffffffff 61'],
    ['a literal beyond the claim', '02 08 616263'],
    ['a copy that is cut off', '05 00 61 01'],
    ['a copy of two bytes that is cut off', '05 00 61 02 01'],
    ['a copy of four bytes that is cut off', '05 00 61 03 010000'],
    ['a copy of distance zero', '05 00 61 01 00'],
    ['a copy from before the start', '05 00 61 01 02'],
    ['a first element that is a copy', '04 01 01'],
    ['a copy with a distance that looks negative', '05 00 61 0f ffffffff'],
    ['a copy beyond the claim', '03 00 61 01 01'],
    ['less than was claimed', '05 00 61'],
    ['more elements behind the claim', '01 00 61 00 61'],
    ['the framed format', 'ff060000734e61507059'],
  ];
  test.each(cases)('%s', (_, block) => {
    expect(reasonOf(() => uncompressSnappy(hex(block), BYTES_MAX))).toBe('malformed_snappy');
  });

  test('a claim above the bound is refused before anything is allocated', () => {
    expect(reasonOf(() => uncompressSnappy(hex('ffffffff0f 00 61'), 64 << 20))).toBe('body_bomb');
    const plain = new Uint8Array(1000);
    expect(reasonOf(() => uncompressSnappy(compressSnappy(plain), 999))).toBe('body_bomb');
    expect(uncompressSnappy(compressSnappy(plain), 1000)).toHaveLength(1000);
  });

  test('nothing outside of the result is written, and a buffer too small is left alone', () => {
    const plain = Uint8Array.from({ length: 100 }, (_, i) => i & 3);
    const compressed = compressSnappy(plain);
    const small = new Uint8Array(snappyBufferBytes(100) - 1).fill(7);
    uncompressSnappy(compressed, BYTES_MAX, small);
    expect(small.every((byte) => byte === 7)).toBe(true);
    const whole = new Uint8Array(300).fill(7);
    const middle = whole.subarray(50, 50 + snappyBufferBytes(100));
    expect([...uncompressSnappy(compressed, BYTES_MAX, middle)]).toEqual([...plain]);
    expect(whole.subarray(0, 50).every((byte) => byte === 7)).toBe(true);
    expect(whole.subarray(50 + snappyBufferBytes(100)).every((byte) => byte === 7)).toBe(true);
  });

  test('flipped bytes give other bytes or are refused', () => {
    fc.assert(
      fc.property(
        repetitive,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
        (plain, flips) => {
          const block = compressSnappy(plain);
          for (const [at, bits] of flips) block[at % block.length]! ^= bits;
          reasonOf(() => uncompressSnappy(block, BYTES_MAX));
          reasonOf(() => uncompressSnappy(block.slice(0, block.length / 2), BYTES_MAX));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
