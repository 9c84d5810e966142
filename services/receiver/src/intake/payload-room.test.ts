import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PayloadRoom } from './payload-room.ts';

it('gives no byte to two, and each byte again only when it was given back', () => {
  const step = fc.record({
    bytes: fc.oneof(fc.nat({ max: 4000 }), fc.integer({ min: 60_000, max: 80_000 })),
    after: fc.constantFrom('give', 'leave', 'keep'),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
      const room = new PayloadRoom();
      const held: { payload: Uint8Array; filled: number }[] = [];
      const isUntouched = ({ payload, filled }: (typeof held)[number]): boolean =>
        payload.every((byte) => byte === filled);
      for (const [i, { bytes, after, which }] of steps.entries()) {
        const payload = room.take(bytes);
        expect(payload.length).toBe(bytes);
        const filled = i % 251;
        payload.fill(filled);
        held.push({ payload, filled });
        if (after === 'keep') continue;
        const [ended] = held.splice(which % held.length, 1);
        expect(isUntouched(ended!)).toBe(true);
        if (after === 'give') room.give(ended!.payload);
        else {
          room.leave(ended!.payload);
          // It may be read for long.
          held.push(ended!);
          held.splice(0, held.length - 50);
        }
      }
      expect(held.every(isUntouched)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

it('makes no memory while everything is given back', () => {
  const room = new PayloadRoom();
  const buffers = new Set<ArrayBufferLike>();
  for (let round = 0; round < 2000; round += 1) {
    const payloads = [6000, 6100, 5900, 6050].map((bytes) => room.take(bytes));
    for (const payload of payloads) {
      buffers.add(payload.buffer);
      room.give(payload);
    }
  }
  expect(buffers.size).toBeLessThan(4);
});

it('makes no more memory than was asked for while nothing is given back', () => {
  const room = new PayloadRoom();
  const buffers = new Set<ArrayBufferLike>();
  for (let refused = 0; refused < 1000; refused += 1) {
    const payload = room.take(6000);
    buffers.add(payload.buffer);
    room.leave(payload);
  }
  expect(buffers.size).toBeLessThan(15);
});

it('keeps little for the few that wait among many that do not', () => {
  const room = new PayloadRoom();
  const waiting: Uint8Array[] = [];
  const isSlab = ({ buffer, length }: Uint8Array): boolean => buffer.byteLength > length;
  for (let i = 0; i < 20_000; i += 1) {
    const payload = room.take(6000);
    if (i % 50 === 0) waiting.push(payload);
    else room.give(payload);
  }
  const buffers = new Set(waiting.map(({ buffer }) => buffer));
  const bytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(bytes).toBeLessThan(40 * 1024 ** 2);
  for (const payload of waiting) room.give(payload);
  // What was given back is used again.
  expect([1, 2, 3].map(() => isSlab(room.take(6000)))).toEqual([true, true, true]);
});
