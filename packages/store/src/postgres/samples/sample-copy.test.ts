import fc from 'fast-check';
import { expect, it } from 'vitest';
import { samplesOf, seriesOf } from '../../testing/entries.ts';
import { BinaryWriter } from '../connection/binary-writer.ts';
import { bucketOf, encodeSampleCopy, orderBySeries } from './sample-copy.ts';

const POSTGRES_EPOCH_US = 946_684_800_000_000n;

it('writes every safe integer as PostgreSQL reads it', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const into = new BinaryWriter(1);
      into.int64(value);
      into.time(Math.abs(value));
      const written = into.written();
      expect(written.readBigInt64BE(0)).toBe(BigInt(value));
      expect(written.readBigInt64BE(8)).toBe(BigInt(Math.abs(value)) - POSTGRES_EPOCH_US);
    }),
  );
});

it('grows, and writes what it is given in its order', () => {
  const into = new BinaryWriter(1);
  into.sized(() => into.text('größer'));
  into.sized(() => false);
  into.bytes(
    Uint8Array.from({ length: 40 }, (_, i) => i),
    30,
    5,
  );
  into.int16(-1);
  expect(into.written().toString('hex')).toBe(
    `00000008${Buffer.from('größer').toString('hex')}ffffffff1e1f202122ffff`,
  );
});

it('orders rows by signed series id, and those of one series as they came', () => {
  const id = fc.integer({ min: 0, max: 30 });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 200 }), (ids) => {
      const samples = samplesOf(
        ids.map((n, i) => ({ series: seriesOf('s', { n: String(n) }), timeUs: i, value: 0 })),
      );
      const rows = Uint32Array.from(ids.keys());
      const idOf = (row: number) => Buffer.from(samples.seriesIds).readBigInt64BE(row * 8);
      const expected = [...rows].sort((a, b) =>
        idOf(a) === idOf(b) ? a - b : idOf(a) < idOf(b) ? -1 : 1,
      );
      expect([...orderBySeries(samples, rows)]).toEqual(expected);
    }),
  );
});

it('is one size for the same rows, whatever is in them but stale values', () => {
  const series = seriesOf('s');
  const copy = (stale: boolean, partition?: number) => {
    const into = new BinaryWriter(1);
    const samples = samplesOf([{ series, timeUs: 0, value: NaN, stale }]);
    encodeSampleCopy(into, samples, Uint32Array.of(0), partition);
    return into.written();
  };
  expect(copy(false).length - copy(true).length).toBe(8);
  expect(copy(false, 3).length - copy(false).length).toBe(8);
  expect(bucketOf(119_999_999)).toBe(60_000_000);
  expect(bucketOf(-1)).toBe(-60_000_000);
});
