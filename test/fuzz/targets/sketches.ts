import assert from 'node:assert/strict';
import { ExponentialHistogram, HyperLogLog, PieceInputs } from '@millrace/model';
import * as fc from 'fast-check';
import type { FuzzTarget } from '../fuzz-target.ts';

interface Sketch {
  encode(): Uint8Array;
}

/** Bytes of the store and of the state: whatever is wrong with them is told by an error. */
function sketch(
  name: string,
  decode: (bytes: Uint8Array) => Sketch,
  filled: fc.Arbitrary<Sketch>,
): FuzzTarget {
  return {
    name,
    read: decode,
    isRefusal: (error) => error instanceof RangeError && error.message.startsWith('The bytes of'),
    sound: filled.map((one) => {
      const bytes = Uint8Array.from(one.encode());
      const check = (read: unknown): void =>
        assert.deepEqual(Uint8Array.from((read as Sketch).encode()), bytes);
      return { bytes, check };
    }),
    agree: (_, outcome) => {
      if ('refusal' in outcome) return;
      const once = (outcome.value as Sketch).encode();
      assert.deepEqual(decode(Uint8Array.from(once)).encode(), once);
    },
    memory: { perByte: 200, fixedBytes: 2 * 1024 ** 2 },
    runs: 1200,
  };
}

export const sketches: readonly FuzzTarget[] = [
  sketch(
    'exponential-histogram',
    (bytes) => ExponentialHistogram.decode(bytes),
    fc.array(fc.oneof(fc.double(), fc.nat()), { maxLength: 60 }).map((values) => {
      const one = new ExponentialHistogram();
      for (const value of values) if (!Number.isNaN(value)) one.add(value);
      return one;
    }),
  ),
  sketch(
    'hyper-log-log',
    (bytes) => HyperLogLog.decode(bytes),
    fc.nat({ max: 6000 }).map((count) => {
      const one = new HyperLogLog();
      for (let i = 0; i < count; i += 1) one.addNumber(i);
      return one;
    }),
  ),
  sketch(
    'piece-inputs',
    (bytes) => PieceInputs.decode(bytes),
    fc
      .array(
        fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.maxSafeInteger(), fc.double()),
        { maxLength: 40 },
      )
      .map((inputs) => {
        const one = new PieceInputs();
        for (const [fingerprint, timeUs, value] of inputs) one.set(fingerprint, 0, timeUs, value);
        return one;
      }),
  ),
];
