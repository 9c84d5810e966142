import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeSoundMsgpack } from './sound-msgpack.ts';
import { readValue } from './value-reader.ts';

const scalar = fc.oneof(
  ...[fc.integer(), fc.maxSafeInteger(), fc.double(), fc.boolean(), fc.constant(null)],
  ...[fc.string(), fc.string({ unit: 'binary' }), fc.uint8Array()],
  ...[fc.string({ minLength: 60, maxLength: 300 }), fc.dictionary(fc.string(), fc.integer())],
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 20 })),
}));

/** What comes of it: an error is as good as a value. */
function outcome(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    return { value: read(bytes) };
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message };
  }
}

test('gives what the library gives, of whole values and of broken ones', () => {
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), (whole, at, byte) => {
      const bytes = encode(whole);
      // Also of a key that the library refuses.
      expect(outcome(readValue, bytes)).toEqual(outcome(decodeSoundMsgpack, bytes));
      const broken = bytes.slice();
      broken[at % broken.length] = byte;
      for (const some of [broken, bytes.subarray(0, at % bytes.length), broken.subarray(1)]) {
        expect(outcome(readValue, some)).toEqual(outcome(decodeSoundMsgpack, some));
      }
    }),
    { numRuns: 500 },
  );
});

test('gives what the library gives of a text that ends in the middle of a character', () => {
  for (const text of [[0xc0], [0x20, 0xe2, 0x82], [0xf0, 0x9f, 0x98]]) {
    const bytes = Uint8Array.of(0x92, 0xa0 | text.length, ...text, 0xa1, 0x20);
    expect(outcome(readValue, bytes)).toEqual(outcome(decodeSoundMsgpack, bytes));
  }
});

test('refuses what lies too deep, and lengths that lie', () => {
  const nested = (depth: number): Uint8Array => new Uint8Array(depth).fill(0x91);
  for (const bytes of [nested(40), nested(1000), Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)]) {
    expect(() => readValue(bytes)).toThrow(RangeError);
    expect(outcome(readValue, bytes)).toEqual(outcome(decodeSoundMsgpack, bytes));
  }
});

test('byte strings share the memory of what was read', () => {
  const bytes = encode([new Uint8Array([1, 2, 3])]);
  const [part] = readValue(bytes) as [Uint8Array];
  expect(part.buffer).toBe(bytes.buffer);
  expect(Buffer.isBuffer(part)).toBe(false);
});
