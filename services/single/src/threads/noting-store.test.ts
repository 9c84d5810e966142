import { silentLog, systemClock } from '@millrace/runtime';
import { createMemoryStore, MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { expect, test } from 'vitest';
import { noting } from './noting-store.ts';
import type { FlushedMark } from './thread-data.ts';

const LOG_ID = 'ab'.repeat(16);
const PARTITIONS = [0, 1, 2] as const;

test('a partition whose log cannot be read keeps its own events, and no others', async () => {
  const memory = new MemoryLog({ partitions: PARTITIONS.length, clock: systemClock });
  const stream = openMemoryStream(memory);
  const producer = stream.producer();
  const database = new MemoryStoreDatabase();
  for (const partition of PARTITIONS) {
    const first = encodeEventsRecord({ kind: EventsRecordKind.log, logId: LOG_ID });
    await producer.append(TOPIC_EVENTS, partition, first);
    const tick = { kind: EventsRecordKind.tick, receivedAtUs: systemClock.nowUs() } as const;
    // Something else wrote to the first one.
    const second = partition === 0 ? Uint8Array.of(1) : encodeEventsRecord(tick);
    await producer.append(TOPIC_EVENTS, partition, second);
    const key = { logId: LOG_ID, logNumber: 1, partition, source: 'live', isOpen: true };
    const times = { partitionTimeUs: systemClock.nowUs(), watermarkUs: 0 };
    database.marks.push({ ...key, ...times, mark: { offset: 2, ordinal: 0 }, position: 2 });
  }
  const flushed = new Map<number, FlushedMark>();
  const store = noting(createMemoryStore(database), { stream, log: silentLog }, flushed);
  expect([...(await store.flushedMarks()).keys()]).toEqual([0, 1, 2]);
  expect([...flushed.keys()]).toEqual([1, 2]);
});
