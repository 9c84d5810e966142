import assert from 'node:assert/strict';
import { DecodeError, decodeBatch, encodeBatch } from '@millrace/wire';
import { arbitraryBatch, describeBatch, type DescribedBatch } from '@millrace/wire/testing';
import { decode, encode } from '@msgpack/msgpack';
import type { FuzzTarget, Outcome } from '../fuzz-target.ts';
import { warpMsgpack } from '../warp-msgpack.ts';

/** The native columnar batch, down to every label and sample. */
export const batch: FuzzTarget = {
  name: 'batch',
  read: (bytes) => describeBatch(decodeBatch(bytes)),
  isRefusal: (error) => error instanceof DecodeError,
  sound: arbitraryBatch.map((fields) => ({
    bytes: Uint8Array.from(encodeBatch(fields)),
    check: (value) => {
      const told = value as DescribedBatch;
      const { series, timesUs, values, table } = fields;
      assert.equal(told.sequence, fields.sequence);
      assert.deepEqual(
        told.samples,
        Array.from(values, (one, i) => ({
          series: series?.[i] ?? i,
          timeUs: BigInt(timesUs[i] ?? timesUs[0]!),
          value: one,
        })),
      );
      assert.deepEqual(
        told.table.map(({ labels }) => labels),
        table?.labels ?? [],
      );
    },
  })),
  warp: warpMsgpack,
  words: ['version', 'table', 'series', 'times', 'values', 'labels'].map((word) => encode(word)),
  agree,
  // A label of two bytes is a pair of texts in a list, each sample an object with a bigint.
  memory: { perByte: 400, fixedBytes: 4 * 1024 ** 2 },
  runs: 1200,
};

/** What is accepted says the same to the library's decoder, to which columns are byte strings. */
function agree(bytes: Uint8Array, outcome: Outcome): void {
  if ('refusal' in outcome) return;
  const told = outcome.value as DescribedBatch;
  const whole = decode(bytes, { useBigInt64: true }) as Record<string, unknown>;
  assert.equal(told.producer, whole['producer']);
  assert.equal(told.session, Buffer.from(whole['session'] as Uint8Array).toString('hex'));
  assert.equal(BigInt(told.sequence), BigInt(whole['sequence'] as bigint));
  const table = whole['table'] as Record<string, unknown> | undefined;
  assert.equal(told.first, table === undefined ? undefined : Number(table['first']));
  assert.deepEqual(
    told.table.map(({ labels }) => labels.flat()),
    table?.['labels'] ?? [],
  );
  const values = columnOf(whole['values'], 8);
  assert.equal(told.samples.length, values.byteLength / 8);
  const times = columnOf(whole['times'], 8);
  const series = columnOf(whole['series'] ?? new Uint8Array(0), 4);
  for (const [i, sample] of told.samples.entries()) {
    assert.ok(Object.is(sample.value, values.getFloat64(8 * i, true)));
    assert.equal(sample.timeUs, times.getBigInt64(times.byteLength === 8 ? 0 : 8 * i, true));
    const number = whole['series'] === undefined ? i : series.getUint32(4 * i, true);
    assert.equal(sample.series, number);
  }
}

function columnOf(bytes: unknown, width: number): DataView {
  assert.ok(bytes instanceof Uint8Array && bytes.length % width === 0);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
