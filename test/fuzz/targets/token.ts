import assert from 'node:assert/strict';
import { decodeToken, encodeToken, type TokenPosition } from '@millrace/receiver/testing';
import * as fc from 'fast-check';
import type { FuzzTarget } from '../fuzz-target.ts';

const position = fc.record(
  {
    partition: fc.nat({ max: 1000 }),
    position: fc.maxSafeNat(),
    logId: fc.oneof(fc.constant(undefined), fc.stringMatching(/^[1-9a-f][0-9a-f]{7}$/)),
  },
  { noNullPrototype: true },
);

/** The text that `?token=` carries. */
export const token: FuzzTarget = {
  name: 'token',
  read: (bytes) => decodeToken(Buffer.from(bytes).toString('latin1')),
  isRefusal: () => false,
  sound: fc.array(position, { maxLength: 12 }).map((positions) => ({
    bytes: Uint8Array.from(Buffer.from(encodeToken(positions))),
    check: (read) => assert.deepStrictEqual(read, positions),
  })),
  agree: (_, outcome) => {
    if ('refusal' in outcome || outcome.value === undefined) return;
    const positions = outcome.value as TokenPosition[];
    assert.deepStrictEqual(decodeToken(encodeToken(positions)), positions);
  },
  memory: { perByte: 100, fixedBytes: 2 * 1024 ** 2 },
  runs: 3200,
};
