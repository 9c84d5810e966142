import type { Address, TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import type { StoredMark } from '@millrace/store';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { expect, it } from 'vitest';
import { checkNotAhead } from './check-not-ahead.ts';
import { TEST_LOG_ID } from './testing/entry-sequence.ts';

const { signal } = new AbortController();
const START_US = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;

/** A log whose records are ticks, each as old as is said; its clock goes as one likes. */
async function logOf(seconds: readonly number[], logId = TEST_LOG_ID): Promise<Stream> {
  let nowUs: TimeUs = START_US;
  const clock: Clock = { nowUs: () => nowUs, sleep: async () => undefined };
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock }));
  const producer = stream.producer();
  const first = encodeEventsRecord({ kind: EventsRecordKind.log, logId });
  await producer.append(TOPIC_EVENTS, 0, first);
  for (const second of seconds) {
    nowUs = START_US + second * SECOND_US;
    const tick = encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs: nowUs });
    await producer.append(TOPIC_EVENTS, 0, tick);
  }
  return stream;
}

const markAt = (offset: number, counted?: StoredMark['counted']): Map<string, StoredMark> => {
  const mark: Address = { offset, ordinal: 0 };
  const stored = { logId: TEST_LOG_ID, logNumber: 1, mark };
  return new Map([['live', counted === undefined ? stored : { ...stored, counted }]]);
};
const countedAt = (position: number, second: number): NonNullable<StoredMark['counted']> => ({
  position,
  partitionTimeUs: START_US + second * SECOND_US,
});
const AHEAD = { code: 'WRITER_AHEAD', kind: 'permanent' };

it('refuses a mark of events that the log does not hold', async () => {
  const where = { stream: await logOf([1]), partition: 0 };
  await checkNotAhead(where, markAt(2), signal);
  await expect(checkNotAhead(where, markAt(3), signal)).rejects.toMatchObject(AHEAD);
});

it('refuses a log that lost its end and has grown beyond the mark since', async () => {
  const stored = markAt(5, countedAt(4, 3));
  await checkNotAhead({ stream: await logOf([1, 2, 3, 4]), partition: 0 }, stored, signal);
  // A clock that steps back makes no record later than what was counted.
  await checkNotAhead({ stream: await logOf([1, 3, 2, 1]), partition: 0 }, stored, signal);
  const other = await logOf([1, 60, 61, 62, 63, 64]);
  await expect(
    checkNotAhead({ stream: other, partition: 0 }, stored, signal),
  ).rejects.toMatchObject({
    ...AHEAD,
    message: expect.stringMatching(/Offset 3 of .*lost its end/),
  });
});

it('asks what tells a time, and only while the log holds it', async () => {
  const stream = await logOf([]);
  const first = markAt(1, countedAt(1, -60));
  await checkNotAhead({ stream, partition: 0 }, first, signal);
  const released: Stream = { ...stream, bounds: async () => ({ start: 9, end: 12 }) };
  const stored = markAt(10, countedAt(9, -60));
  await checkNotAhead({ stream: released, partition: 0 }, stored, signal);
});

it('leaves a mark of another log to the store', async () => {
  const where = { stream: await logOf([50, 60], 'cd'.repeat(16)), partition: 0 };
  await expect(checkNotAhead(where, markAt(30), signal)).resolves.toBeUndefined();
  const counted = markAt(3, countedAt(3, 2));
  await expect(checkNotAhead(where, counted, signal)).resolves.toBeUndefined();
});

it('has nothing to refuse without a mark', async () => {
  const where = { stream: await logOf([1]), partition: 0 };
  await expect(checkNotAhead(where, new Map(), signal)).resolves.toBeUndefined();
});
