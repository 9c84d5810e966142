import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamRecord } from '../../stream.ts';
import {
  compressionNames,
  nativeZstd,
  UNCOMPRESSED_BYTES_MAX,
  wasmZstd,
  type CompressionName,
} from '../client/compression.ts';
import { crc32c } from './crc32c.ts';
import {
  AT,
  BATCH_HEADER_BYTES,
  batchBytesMax,
  encodeBatch,
  sequenceAfter,
} from './record-batch.ts';
import { measureRecordSet, RecordSet, RecordSetError } from '../read/record-set.ts';
import { writeInt64 } from '../client/wire-bytes.ts';

const identity = { producerId: 2 ** 40 + 5, epoch: 3, sequence: 77 };
const timestampMs = 1_700_000_000_123;

const payloadLists = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 30 });

async function encode(
  payloads: readonly Uint8Array[],
  params: Readonly<{ compression?: CompressionName; base?: number }> = {},
): Promise<Buffer> {
  const { compression = 'none', base = 0 } = params;
  const batch = await encodeBatch({ payloads, identity, timestampMs, compression });
  // As the broker does it: the check does not count these bytes.
  writeInt64(batch, 0, base);
  return batch;
}

/** As it was fetched from a position that may lie within the first batch. */
function setOf(bytes: Buffer, position = 0): RecordSet {
  return new RecordSet(bytes, { position, mayBeWithin: true });
}

async function takeAll(set: RecordSet, position: number): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  for (;;) {
    const record = await set.peek(position);
    if (record === undefined) return records;
    records.push(record);
    set.take();
  }
}

describe('a batch of records', () => {
  test('is what kafkajs makes of the same', async () => {
    const require = createRequire(import.meta.url);
    const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
      RecordBatch(params: object): Promise<{ buffer: Buffer }>;
    };
    const createRecord = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
      params: object,
    ) => object;
    await fc.assert(
      fc.asyncProperty(payloadLists, async (payloads) => {
        const { buffer } = await RecordBatch({
          records: payloads.map((payload, offsetDelta) =>
            createRecord({
              offsetDelta,
              timestampDelta: 0,
              key: null,
              value: Buffer.from(payload),
            }),
          ),
          partitionLeaderEpoch: -1,
          firstTimestamp: timestampMs,
          maxTimestamp: timestampMs,
          producerId: `${identity.producerId}`,
          producerEpoch: identity.epoch,
          firstSequence: identity.sequence,
          lastOffsetDelta: payloads.length - 1,
        });
        expect((await encode(payloads)).equals(buffer)).toBe(true);
      }),
    );
  });

  test('comes back as it was, in each compression, from any position', async () => {
    await fc.assert(
      fc.asyncProperty(
        payloadLists,
        fc.constantFrom(...compressionNames),
        fc.nat(40),
        async (payloads, compression, skipped) => {
          const base = 1000;
          const batch = await encode(payloads, { compression, base });
          expect(measureRecordSet(batch)).toEqual({
            bytes: batch.length,
            next: base + payloads.length,
          });
          const records = await takeAll(setOf(batch, base + skipped), base + skipped);
          expect(records).toEqual(
            payloads
              .map((payload, index) => ({
                offset: base + index,
                appendTimeUs: timestampMs * 1000,
                payload: new Uint8Array(payload),
              }))
              .slice(skipped),
          );
        },
      ),
    );
  });

  test('takes no more than is counted for it', async () => {
    await fc.assert(
      fc.asyncProperty(payloadLists, async (payloads) => {
        const bytes = payloads.reduce((sum, { length }) => sum + length, 0);
        expect((await encode(payloads)).length).toBeLessThanOrEqual(
          batchBytesMax(payloads.length, bytes),
        );
      }),
    );
  });

  test('several of them, the last cut off: the whole ones count', async () => {
    const [a, b, c] = await Promise.all(
      [0, 2, 4].map((base) => encode([Uint8Array.of(base), Uint8Array.of(base + 1)], { base })),
    );
    const bytes = Buffer.concat([a!, b!, c!.subarray(0, c!.length - 1)]);
    expect(measureRecordSet(bytes)).toEqual({ bytes: a!.length + b!.length, next: 4 });
    expect(measureRecordSet(c!.subarray(0, 70))).toBeUndefined();
    expect(measureRecordSet(Buffer.alloc(0))).toBeUndefined();
    const records = await takeAll(setOf(bytes.subarray(0, a!.length + b!.length), 1), 1);
    expect(records.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  });

  test("the broker's time counts for all of them, else each has its own", async () => {
    const batch = await encode([Uint8Array.of(1), Uint8Array.of(2)]);
    const brokerTime = Buffer.from(batch);
    brokerTime.writeInt16BE(8, AT.attributes);
    writeInt64(brokerTime, AT.maxTimestamp, timestampMs + 5);
    resign(brokerTime);
    const times = (await takeAll(setOf(brokerTime), 0)).map((record) => record.appendTimeUs);
    expect(times).toEqual([(timestampMs + 5) * 1000, (timestampMs + 5) * 1000]);
  });

  test('any changed bit is noticed, what follows is not taken for what comes next', async () => {
    const first = await encode([Uint8Array.of(1)], { base: 0 });
    const second = await encode([Uint8Array.of(2), Uint8Array.of(3)], { base: 1 });
    const third = await encode([Uint8Array.of(4)], { base: 3 });
    for (let at = AT.magic; at < second.length; at += 1) {
      const damaged = Buffer.from(second);
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      const set = setOf(Buffer.concat([first, damaged, third]));
      expect((await set.peek(0))?.offset).toBe(0);
      set.take();
      for (let times = 0; times < 2; times += 1) {
        await expect(set.peek(1)).rejects.toBeInstanceOf(RecordSetError);
      }
    }
  });

  test('a batch that does not follow on is refused, though its check is right', async () => {
    const bytesOf = async (...bases: readonly number[]): Promise<Buffer> => {
      const pair = [Uint8Array.of(1), Uint8Array.of(2)];
      return Buffer.concat(await Promise.all(bases.map((base) => encode(pair, { base }))));
    };
    const read = async (bases: readonly number[], mayBeWithin: boolean): Promise<number[]> => {
      const set = new RecordSet(await bytesOf(...bases), { position: 11, mayBeWithin });
      return (await takeAll(set, 11)).map(({ offset }) => offset);
    };
    expect(await read([11, 13, 15], false)).toEqual([11, 12, 13, 14, 15, 16]);
    expect(await read([10, 12], true)).toEqual([11, 12, 13]);
    for (const [bases, mayBeWithin] of [
      [[10], false],
      [[12], false],
      [[12], true],
      [[11, 14], true],
      [[11, 12], true],
    ] as const) {
      await expect(read(bases, mayBeWithin)).rejects.toBeInstanceOf(RecordSetError);
    }
  });

  test('a record that is longer than it says is told', async () => {
    const batch = await encode([new Uint8Array(5), new Uint8Array(5)]);
    // Zigzag: the length of the first value, behind the length of its record and four fields.
    expect(batch[BATCH_HEADER_BYTES + 5]).toBe(10);
    batch[BATCH_HEADER_BYTES + 5] = 126;
    await expect(setOf(resign(batch)).peek(0)).rejects.toBeInstanceOf(RecordSetError);
  });

  test('marks are passed over, and formats that are not known are told', async () => {
    const batch = await encode([Uint8Array.of(1)], { base: 7 });
    const mark = Buffer.from(batch);
    mark.writeInt16BE(32, AT.attributes);
    const next = await encode([Uint8Array.of(2)], { base: 8 });
    const records = await takeAll(setOf(Buffer.concat([resign(mark), next]), 7), 7);
    expect(records.map(({ offset }) => offset)).toEqual([8]);
    const old = Buffer.from(batch);
    old.writeInt8(1, AT.magic);
    await expect(setOf(old, 7).peek(7)).rejects.toMatchObject({ isUnknownFormat: true });
    const packed = Buffer.from(batch);
    packed.writeInt16BE(7, AT.attributes);
    await expect(setOf(resign(packed), 7).peek(7)).rejects.toMatchObject({
      isUnknownFormat: true,
    });
  });

  test('a batch whose check is right and whose compression is not is told', async () => {
    for (const compression of compressionNames.slice(1)) {
      const batch = await encode([new Uint8Array(500)], { compression });
      batch.fill(0xee, 61);
      await expect(setOf(resign(batch)).peek(0)).rejects.toBeInstanceOf(RecordSetError);
    }
  });

  test('sequence numbers stay within 31 bits', () => {
    expect(sequenceAfter(0, 5)).toBe(5);
    expect(sequenceAfter(2 ** 31 - 1, 1)).toBe(0);
    expect(sequenceAfter(2 ** 31 - 2, 5)).toBe(3);
  });
});

describe('zstd', () => {
  test('what one writes the other reads, also when it is larger than the first try', async () => {
    const wasm = await wasmZstd();
    const native = nativeZstd();
    const bytes = Buffer.alloc(10 * 1024 * 1024, 'abc');
    const packed = await wasm.compress(bytes);
    expect((await wasm.uncompress(packed)).equals(bytes)).toBe(true);
    expect(native === undefined).toBe(Number(process.versions.node.split('.')[0]) < 22);
    if (native === undefined) return;
    expect((await native.uncompress(packed)).equals(bytes)).toBe(true);
    expect((await wasm.uncompress(await native.compress(bytes))).equals(bytes)).toBe(true);
  });

  test('what says that it grows beyond the bound is not given memory for it', async () => {
    const wasm = await wasmZstd();
    const bomb = await wasm.compress(Buffer.alloc(UNCOMPRESSED_BYTES_MAX + 1));
    await expect(wasm.uncompress(bomb)).rejects.toThrow('where');
  });
});

/** Sets the check anew. */
function resign(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, AT.attributes), AT.crc);
  return batch;
}
