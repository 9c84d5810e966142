import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken, shortLogId } from './token.ts';

const hex = fc.uint8Array({ minLength: 16, maxLength: 16 });
const position = fc.record({
  partition: fc.nat(100_000),
  position: fc.maxSafeNat(),
  logId: fc.option(
    hex
      .filter((id) => id.subarray(0, 4).some(Boolean))
      .map((id) => Buffer.from(id).toString('hex')),
    { nil: undefined },
  ),
});

describe('token', () => {
  it('gives back every position, and the log id shortened', () => {
    fc.assert(
      fc.property(fc.array(position), (positions) => {
        const token = encodeToken(positions);
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
        const short = positions.map((one) => ({ ...one, logId: shortLogId(one.logId) }));
        expect(decodeToken(token)).toEqual(short);
      }),
    );
  });

  it('refuses what it did not give', () => {
    for (const token of ['', '=', 'AQ=', 'Ag', 'a b', 'ü', 'AQE', 'AQEB', 'AQEBAAAA']) {
      expect(decodeToken(token)).toBeUndefined();
    }
    expect(decodeToken('A'.repeat(1_000_000))).toBeUndefined();
  });

  it('never throws on anything', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const token = Buffer.from(bytes).toString('base64url');
        const positions = decodeToken(token);
        if (positions === undefined) return;
        expect(positions.every((one) => Number.isSafeInteger(one.position))).toBe(true);
      }),
    );
  });
});
