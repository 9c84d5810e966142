import { recordDigest } from '@millrace/checkpoint';
import type { Address, TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import type { StoredMark } from '@millrace/store';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  DEFAULT_FOLD_SETTINGS,
  encodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
  type TickRecord,
} from '@millrace/wire';
import { expect, it } from 'vitest';
import { checkNotAhead } from './check-not-ahead.ts';
import { TEST_LOG_ID } from './testing/entry-sequence.ts';

const { signal } = new AbortController();
const START_US = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;

/** Whoever appends it: those of one version are the same. */
const BARRIER: BarrierRecord = {
  ...{
    kind: EventsRecordKind.barrier,
    number: 7,
    foldVersion: 1,
    settings: DEFAULT_FOLD_SETTINGS,
    rules: {},
  },
  ...{ after: 6, partitions: 1 },
};

/**
 * A log whose records are ticks, each as old as is said; its clock goes as one likes. Without a
 * time: a barrier.
 */
async function logOf(
  seconds: readonly (number | undefined)[],
  logId = TEST_LOG_ID,
): Promise<Stream> {
  let nowUs: TimeUs = START_US;
  const clock: Clock = { nowUs: () => nowUs, sleep: async () => undefined };
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock }));
  const producer = stream.producer();
  const first = encodeEventsRecord({ kind: EventsRecordKind.log, logId });
  await producer.append(TOPIC_EVENTS, 0, first);
  for (const second of seconds) {
    if (second !== undefined) nowUs = START_US + second * SECOND_US;
    const record = second === undefined ? BARRIER : tickAt(second);
    await producer.append(TOPIC_EVENTS, 0, encodeEventsRecord(record));
  }
  return stream;
}

const tickAt = (second: number): TickRecord => ({
  kind: EventsRecordKind.tick,
  receivedAtUs: START_US + second * SECOND_US,
});
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

it('refuses a log that lost what the ledger did not count yet, and has grown since', async () => {
  const at = { partition: 0 };
  const told = await logOf([1, 2, 3, 4, 5]);
  const stored = (offset: number, counted = countedAt(2, 1)): Map<string, StoredMark> => {
    const live = markAt(5, counted).get('live')!;
    const digest = recordDigest(encodeEventsRecord(tickAt(offset)));
    return new Map([['live', { ...live, folded: { offset, digest } }]]);
  };
  await checkNotAhead({ ...at, stream: told }, stored(4), signal);
  // As late as may be, and as long: only that it is another record tells it.
  const other = await logOf([1, 2, 3, 4.5, 5]);
  await expect(checkNotAhead({ ...at, stream: other }, stored(4), signal)).rejects.toMatchObject({
    ...AHEAD,
    message: expect.stringMatching(/Offset 4 of .*is not the event.*lost its end/),
    remedy: expect.stringContaining('setup --accept-new-log --plan'),
  });
  // A writer of before went on: what is told lies behind, and the ledger tells more.
  await checkNotAhead({ ...at, stream: other }, stored(3), signal);
  const grown = await logOf([1, 2, 3, 60, 61]);
  await expect(
    checkNotAhead({ ...at, stream: grown }, stored(3, countedAt(5, 4)), signal),
  ).rejects.toMatchObject(AHEAD);
  // What is forgotten tells nothing.
  const released: Stream = { ...other, bounds: async () => ({ start: 5, end: 6 }) };
  await checkNotAhead({ ...at, stream: released }, stored(4), signal);
});

it('refuses such a log also when a barrier came to the same place again', async () => {
  const at = { partition: 0 };
  const folded = { offset: 3, digest: recordDigest(encodeEventsRecord(BARRIER)) };
  const stored = new Map([['live', { ...markAt(4, countedAt(4, 2)).get('live')!, folded }]]);
  await checkNotAhead({ ...at, stream: await logOf([1, 2, undefined]) }, stored, signal);
  const other = await logOf([1, 60, undefined]);
  await expect(checkNotAhead({ ...at, stream: other }, stored, signal)).rejects.toMatchObject({
    ...AHEAD,
    message: expect.stringMatching(/Offset 2 of .*lost its end/),
  });
});

it('misses the event of which the store has a part', async () => {
  const where = { stream: await logOf([1]), partition: 0 };
  const within = new Map([
    ['live', { ...markAt(0).get('live')!, mark: { offset: 1, ordinal: 3 } }],
  ]);
  await checkNotAhead(where, within, signal);
  const shorter = { stream: await logOf([]), partition: 0 };
  await expect(checkNotAhead(shorter, within, signal)).rejects.toMatchObject(AHEAD);
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
