import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fingerprintOf } from './fingerprint.ts';
import type { LabelSet } from './label-set.ts';

/** As the words above it say. */
function plainFingerprint(tenant: string, labels: LabelSet): Uint8Array {
  const hash = createHash('sha256');
  for (const text of [tenant, ...labels.flat()]) {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  }
  return new Uint8Array(hash.digest().subarray(0, 16));
}

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', 'é', 'a\u007fb', 'a\u0080b', '𝛼 and more', 'x'.repeat(300)),
);

it('is the hash of tenant and labels, whatever they are written in', () => {
  fc.assert(
    fc.property(text, fc.array(fc.tuple(text, text), { maxLength: 12 }), (tenant, labels) => {
      expect(fingerprintOf(tenant, labels)).toEqual(plainFingerprint(tenant, labels));
    }),
  );
});

it('stays the same', () => {
  const labels: LabelSet = [
    ['__name__', 'http_requests_total'],
    ['job', 'checkout'],
  ];
  const hex = Buffer.from(fingerprintOf('default', labels)).toString('hex');
  expect(hex).toBe('2bfb4745ebf4bb2b9a4848aa55aef061');
});

it('takes texts that are longer than what it keeps room for, and short ones after them', () => {
  const long: LabelSet = [['a', 'ü'.repeat(70_000)]];
  const short: LabelSet = [['a', 'b']];
  for (const labels of [long, short, long]) {
    expect(fingerprintOf('t', labels)).toEqual(plainFingerprint('t', labels));
  }
});
