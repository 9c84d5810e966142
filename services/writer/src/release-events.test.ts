import { CheckpointRetention, DEFAULT_CHECKPOINT_SETTINGS } from '@millrace/checkpoint';
import { appendCheckpoint } from '@millrace/checkpoint/testing';
import { silentLog, systemClock, type Log } from '@millrace/runtime';
import { createMemoryStore, MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { expect, test } from 'vitest';
import { releasingEvents, type ReadStatePosition } from './release-events.ts';
import { at, setMark } from './testing/expectations.ts';
import { TEST_LOG_ID } from './testing/entry-sequence.ts';

const PARTITIONS = 4;
/** Of each partition. An event before the position stays as well. */
const CHECKPOINTS = [3, 5, 6, 8];

async function begin(
  readPosition: ReadStatePosition,
  log: Log = silentLog,
  heldFrom?: (partition: number) => Promise<number>,
) {
  // Every record is a segment of its own and past its retention at once.
  const settings = { segmentBytes: 1, retentionMs: 0 };
  const memory = new MemoryLog({ partitions: PARTITIONS, clock: systemClock, settings });
  const stream = openMemoryStream(memory);
  const producer = stream.producer();
  const database = new MemoryStoreDatabase();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (let i = 0; i < 10; i += 1) {
      const tick = { kind: EventsRecordKind.tick, receivedAtUs: systemClock.nowUs() } as const;
      await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(tick));
    }
    setMark(database, at(6), partition);
    for (const position of CHECKPOINTS) {
      await appendCheckpoint(stream, { partition, logId: TEST_LOG_ID, position });
    }
  }
  const owned = () => [0, 1, 2];
  const retention = new CheckpointRetention({ stream }, DEFAULT_CHECKPOINT_SETTINGS);
  const held = heldFrom === undefined ? {} : { heldFrom };
  const parts = { stream, retention, readPosition, owned, log, ...held };
  const store = releasingEvents(createMemoryStore(database), parts);
  const starts = async (): Promise<number[]> => {
    const bounds = Array.from({ length: PARTITIONS }, (_, p) => stream.bounds(TOPIC_EVENTS, p));
    return (await Promise.all(bounds)).map(({ start }) => start);
  };
  return { store, starts, database };
}

test('events are forgotten up to a checkpoint of what is folded and stored', async () => {
  const positions = [
    { logId: TEST_LOG_ID, position: 4 },
    { logId: TEST_LOG_ID, position: 9 },
    { logId: 'another', position: 9 },
    { logId: TEST_LOG_ID, position: 9 },
  ];
  const { store, starts } = await begin(async (partition) => positions[partition]);
  const marks = await store.flushedMarks();
  expect(marks.get(1)?.mark).toEqual(at(6));
  expect(await starts()).toEqual([2, 5, 0, 0]);
});

test('a state that cannot be asked costs room and nothing else, and is told once', async () => {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_, message) => warnings.push(message) };
  let isAway = true;
  const { store, starts } = await begin(async (partition) => {
    if (isAway && partition === 1) throw new Error('it is away');
    return { logId: TEST_LOG_ID, position: 5 };
  }, log);
  await store.flushedMarks();
  expect((await store.flushedMarks()).size).toBe(PARTITIONS);
  expect(warnings.length).toBe(1);
  expect(await starts()).toEqual([4, 0, 4, 0]);
  isAway = false;
  await store.flushedMarks();
  expect(await starts()).toEqual([4, 4, 4, 0]);
  isAway = true;
  await store.flushedMarks();
  expect(warnings.length).toBe(2);
});

test('what a job still has to fold is kept, and all while nobody knows what that is', async () => {
  const folded = { logId: TEST_LOG_ID, position: 9 };
  const held = [Infinity, 4, 0];
  const { store, starts } = await begin(
    async () => folded,
    silentLog,
    async (partition) => {
      if (partition === 2 && held[2] === 0) throw new Error('it is away');
      return held[partition]!;
    },
  );
  await store.flushedMarks();
  expect(await starts()).toEqual([5, 2, 0, 0]);
  held[1] = held[2] = Infinity;
  await store.flushedMarks();
  expect(await starts()).toEqual([5, 5, 5, 0]);
});

test('of a log that lost its end and has grown again nothing is forgotten', async () => {
  const folded = { logId: TEST_LOG_ID, position: 9 };
  const { store, starts, database } = await begin(async () => folded);
  const stored = database.marks.find(({ partition }) => partition === 1)!;
  // All that is there came later than what the store has counted.
  Object.assign(stored, { position: 6, partitionTimeUs: systemClock.nowUs() - 60_000_000 });
  await store.flushedMarks();
  expect(await starts()).toEqual([5, 0, 5, 0]);
  // Nor of one that loses it later.
  const later = database.marks.find(({ partition }) => partition === 2)!;
  const mark = { offset: 10, ordinal: 0 };
  Object.assign(later, { mark, position: 9, partitionTimeUs: systemClock.nowUs() - 60_000_000 });
  Object.assign(
    database.marks.find(({ partition }) => partition === 0)!,
    { mark },
  );
  await store.flushedMarks();
  expect(await starts()).toEqual([7, 0, 5, 0]);
});
