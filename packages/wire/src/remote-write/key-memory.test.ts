import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyMemory } from './key-memory.ts';

/** Of one buffer; more move into memory of WebAssembly. */
const BUFFER_BYTES = 2 ** 20;

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

it('tells every key from all others, wherever it lies', () => {
  const lengths = fc.array(
    fc.oneof(
      fc.nat({ max: 40 }),
      fc.integer({ min: 90_000, max: BUFFER_BYTES / 2 }),
      fc.integer({ min: BUFFER_BYTES - 2, max: BUFFER_BYTES + 2 }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(lengths, fc.boolean(), fc.boolean(), (all, again, withoutWasm) => {
      const store = new KeyMemory({
        withoutWasm,
        wholeBytesMax: all.length % 2 === 0 ? 0 : undefined,
      });
      if (again) {
        store.add(Buffer.alloc(100, 1), 0, 100);
        store.clear();
      }
      const keys = all.map((length, i) => Buffer.alloc(length + 5, i + 1));
      for (const key of keys) store.add(key, 2, key.length - 3);
      for (const [i, key] of keys.entries()) {
        expect(store.length(i)).toBe(key.length - 5);
        expect(store.equals(i, viewOf(key), 1)).toBe(true);
        const other = keys[(i + 1) % keys.length]!;
        const shorter = other.length < key.length || key.length === 5 || other === key;
        if (!shorter) expect(store.equals(i, viewOf(other), 0)).toBe(false);
      }
    }),
    { numRuns: 60 },
  );
});

it('compares bytes, whatever they would be as numbers', () => {
  // Zeros of both signs, and a number that equals nothing.
  const words = ['0000000000000000', '0000000000000080', '000000000000f87f', '010000000000f87f'];
  const byte = fc.constantFrom(0, 1, 0x7f, 0x80, 0xf8, 0xff);
  const keys = fc.oneof(
    fc
      .array(fc.constantFrom(...words), { maxLength: 3 })
      .map((hex) => Buffer.from(hex.join(''), 'hex')),
    fc.array(byte, { maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(keys, keys, fc.nat({ max: 7 }), (key, other, offset) => {
      const store = new KeyMemory({ wholeBytesMax: 0 });
      // The second one may be kept as what differs from the first.
      store.add(other, 0, other.length);
      store.add(key, 0, key.length);
      const placed = Buffer.concat([Buffer.alloc(offset), other, Buffer.alloc(24)]);
      const isSame = key.equals(placed.subarray(offset, offset + key.length));
      expect(store.equals(1, viewOf(placed), offset)).toBe(isSame);
      expect(store.equals(0, viewOf(placed), offset)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

it('holds little for few keys, and hardly more than its keys for many', () => {
  const store = new KeyMemory();
  const key = Buffer.alloc(245);
  store.add(key, 0, key.length);
  expect(store.bytesHeld).toBeLessThan(32 * 1024);
  const count = 50_000;
  for (let i = 1; i < count; i += 1) store.add(key, 0, key.length);
  expect(store.bytesHeld).toBeLessThan(count * (245 + 24) + BUFFER_BYTES);
  store.clear();
  expect(store.bytesHeld).toBeLessThan(8 * 1024);
});

it('keeps of keys that are like others what differs, and tells each byte all the same', () => {
  for (const withoutWasm of [false, true]) {
    const store = new KeyMemory({ wholeBytesMax: 0, withoutWasm });
    const keyOf = (i: number, length: number): Buffer => {
      const key = Buffer.alloc(length, 'a label set as very many have it, ');
      key.write(String(i).padStart(6, '0'), (7 * i) % 2 === 0 ? 70 : length - 9);
      return key;
    };
    const count = 8000;
    const all = Array.from({ length: count }, (_, i) => keyOf(i, 245 + (i % 3)));
    for (const key of all) store.add(key, 0, key.length);
    expect(store.bytesHeld).toBeLessThan(count * 72);
    for (let i = 0; i < count; i += 97) {
      const key = all[i]!;
      const bytes = Buffer.concat([Buffer.alloc(3), key]);
      expect(store.length(i)).toBe(key.length);
      expect(store.equals(i, viewOf(bytes), 3)).toBe(true);
      for (let at = 3; at < bytes.length; at += 1) {
        bytes[at]! ^= 1;
        expect(store.equals(i, viewOf(bytes), 3)).toBe(false);
        bytes[at]! ^= 1;
      }
    }
  }
});
