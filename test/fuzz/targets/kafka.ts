import assert from 'node:assert/strict';
import type { StreamRecord } from '@millrace/stream';
import {
  AT,
  BATCH_HEADER_BYTES,
  compressionNames,
  crc32c,
  encodeBatch,
  LENGTH_END,
  measureRecordSet,
  readFetched,
  RecordSet,
  RecordSetError,
  WireError,
  writeInt64,
  WireWriter,
} from '@millrace/stream/kafka/testing';
import * as fc from 'fast-check';
import type { FuzzTarget, SoundInput } from '../fuzz-target.ts';

const BASE = 1000;
const TIMESTAMP_MS = 1_700_000_000_123;
const payloads = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 12 });

async function writeBatch(
  list: readonly Uint8Array[],
  compression: (typeof compressionNames)[number],
): Promise<Uint8Array> {
  const identity = { producerId: 7, epoch: 0, sequence: 0 };
  const batch = await encodeBatch({
    payloads: list,
    identity,
    timestampMs: TIMESTAMP_MS,
    compression,
  });
  writeInt64(batch, 0, BASE);
  return Uint8Array.from(batch);
}

/** Batches can only be written asynchronously: some of each compression, made once. */
const batches = (
  await Promise.all(
    fc
      .sample(fc.tuple(payloads, payloads), { seed: 1, numRuns: 25 })
      .map(async ([first, second], i) => {
        const compression = compressionNames[i % compressionNames.length]!;
        const bytes = await writeBatch(first, compression);
        // Two batches, of which the other follows in offset.
        const next = Buffer.from(await writeBatch(second, 'none'));
        writeInt64(next, 0, BASE + first.length);
        const both = Uint8Array.from(Buffer.concat([bytes, next]));
        return [
          { bytes, sent: first },
          { bytes: both, sent: [...first, ...second] },
        ];
      }),
  )
).flat();

/** Everything a fetch brought, as a reader takes it. */
async function readBatches(bytes: Uint8Array): Promise<StreamRecord[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = measureRecordSet(buffer);
  if (found === undefined) return [];
  const set = new RecordSet(buffer.subarray(0, found.bytes), {
    position: BASE,
    mayBeWithin: true,
  });
  const records: StreamRecord[] = [];
  for (let position = BASE; ;) {
    const record = await set.peek(position);
    if (record === undefined) return records;
    records.push(record);
    assert.ok(record.offset >= position);
    position = record.offset + 1;
    set.take();
  }
}

/** Sets lengths and checks of the batches anew, as far as the lengths lead. */
function sealBatches(bytes: Uint8Array): Uint8Array {
  const set = Buffer.from(bytes);
  for (let at = 0; at + BATCH_HEADER_BYTES <= set.length;) {
    const said = at + LENGTH_END + set.readInt32BE(at + AT.length);
    const fits = said >= at + BATCH_HEADER_BYTES && said <= set.length;
    const end = fits ? said : set.length;
    if (!fits) set.writeInt32BE(end - at - LENGTH_END, at + AT.length);
    set.writeUInt32BE(crc32c(set.subarray(at, end), AT.attributes), at + AT.crc);
    at = end;
  }
  return Uint8Array.from(set);
}

export const kafkaRecords: FuzzTarget = {
  name: 'kafka-records',
  read: readBatches,
  isRefusal: (error) => error instanceof RecordSetError,
  sound: fc.constantFrom(...batches).map(({ bytes, sent }): SoundInput => ({
    bytes,
    check: (read) =>
      assert.deepEqual(
        (read as StreamRecord[]).map(({ payload }) => Buffer.from(payload)),
        sent.map((payload) => Buffer.from(payload)),
      ),
  })),
  seal: sealBatches,
  words: ['00000001', '7fffffff', '80000000', '0008', '0020', '0001', '0004', 'fd2fb528'].map(
    (hex) => Uint8Array.from(Buffer.from(hex, 'hex')),
  ),
  agree: (bytes, outcome) => {
    if ('refusal' in outcome) return;
    // A payload is a piece of its own batch: nothing else of the process's memory is shown.
    for (const { payload } of outcome.value as StreamRecord[]) {
      assert.ok(payload.length <= 64 * 1024 ** 2 && bytes.length > 0);
    }
  },
  // A batch may become 64 MiB: what its compression claims is made room for.
  memory: { perByte: 400, fixedBytes: 96 * 1024 ** 2 },
  runs: 600,
};

const partition = fc.record({
  partition: fc.nat({ max: 100 }),
  error: fc.constantFrom(0, 1, 3, 6, 74),
  end: fc.nat(),
  records: fc.uint8Array({ maxLength: 300 }),
});
const topics = fc.array(
  fc.record({
    topicId: fc.constantFrom(
      '00112233445566778899aabbccddeeff',
      'ffeeddccbbaa99887766554433221100',
    ),
    partitions: fc.array(partition, { maxLength: 4 }),
  }),
  { maxLength: 3 },
);

export const kafkaFetched: FuzzTarget = {
  name: 'kafka-fetched',
  read: (bytes) => readFetched(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  isRefusal: (error) => error instanceof WireError,
  sound: topics.map((sent): SoundInput => ({
    bytes: writeFetched(sent),
    check: (read) => {
      const { error, partitions } = read as ReturnType<typeof readFetched>;
      assert.equal(error, 0);
      const plain = partitions.map((one) => ({ ...one, records: Uint8Array.from(one.records) }));
      const expected = sent.flatMap(({ topicId, partitions: list }) =>
        list.map((one) => ({ topicId, ...one })),
      );
      assert.deepEqual(plain, expected);
    },
  })),
  memory: { perByte: 200, fixedBytes: 4 * 1024 ** 2 },
  runs: 1600,
};

type SentTopics = typeof topics extends fc.Arbitrary<infer T> ? T : never;

function writeFetched(sent: SentTopics): Uint8Array {
  const writer = new WireWriter();
  writer
    .uvarint(0)
    .int32(0)
    .int16(0)
    .int32(0)
    .uvarint(sent.length + 1);
  for (const { topicId, partitions } of sent) {
    writer.uuid(topicId).uvarint(partitions.length + 1);
    for (const one of partitions) {
      writer.int32(one.partition).int16(one.error).int64(one.end).int64(0).int64(0);
      writer
        .uvarint(1)
        .int32(-1)
        .uvarint(one.records.length + 1);
      for (const byte of one.records) writer.int8Unsigned(byte);
      writer.uvarint(0);
    }
    writer.uvarint(0);
  }
  writer.uvarint(0);
  return Uint8Array.from(writer.bytes);
}
