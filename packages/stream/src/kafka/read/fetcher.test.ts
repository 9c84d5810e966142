import { silentLog, systemClock } from '@millrace/runtime';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_EVENTS } from '../../stream.ts';
import { LinkError } from '../client/broker-link.ts';
import { Fetcher } from './fetcher.ts';
import { KafkaReader } from './kafka-reader.ts';
import { DEFAULT_KAFKA_SETTINGS } from '../client/kafka-settings.ts';
import { KafkaCode } from '../client/protocol.ts';
import { batchAt, ScriptedBroker } from '../testing/scripted-broker.ts';

const AT_ONCE = { bytesMax: 1000, waitMs: 0 } as const;
const RETRY_MS = 250;
/** How long a reader is not fetched for after a failure. */
const REST_MS = 100;

describe('what fetches bring to readers', () => {
  const ended: (() => void)[] = [];
  afterEach(() => {
    for (const end of ended.splice(0)) end();
  });

  /** `ends`: what the leader says each time, the last one for ever. */
  const begin = (...ends: number[]): { broker: ScriptedBroker; reader: OpenReader } => {
    const broker = new ScriptedBroker();
    const fetcher = new Fetcher({
      cluster: broker,
      log: silentLog,
      sleep: (ms) => systemClock.sleep(ms),
      bounds: async () => ({ start: 2, end: ends.length > 1 ? ends.shift()! : ends[0]! }),
      settings: { ...DEFAULT_KAFKA_SETTINGS, fetchWaitMs: 200 },
    });
    const reader: OpenReader = (partition, position) => {
      const opened: KafkaReader = new KafkaReader({
        ...{ topic: TOPIC_EVENTS, partition, position, clock: systemClock },
        fetchBytesMax: DEFAULT_KAFKA_SETTINGS.fetchBytesMax,
        retryMs: RETRY_MS,
        kick: () => fetcher.kick(),
        onClose: () => fetcher.remove(opened),
      });
      fetcher.add(opened);
      ended.push(() => void opened.close());
      return opened;
    };
    ended.push(() => {
      fetcher.close();
      broker.release();
    });
    return { broker, reader };
  };

  test('an answer that came early for others tells nothing of the time after it', async () => {
    const { broker, reader } = begin();
    const [quiet, busy] = [reader(0, 0), reader(1, 0)];
    for (const one of [quiet, busy]) {
      for (let calls = 0; calls < 2; calls += 1) expect(await one.next(AT_ONCE)).toEqual([]);
    }
    // Both are in one fetch that is held from here on.
    broker.release();
    await vi.waitFor(() => expect(broker.fetches.at(-1)).toBeGreaterThan(0), 10_000);
    broker.partitions.set(1, { end: 1, records: await batchAt(0, 'busy') });
    const woken = busy.next({ bytesMax: 1000, waitMs: 5000 });
    broker.release();
    expect(await woken).toHaveLength(1);
    // Appended and acknowledged now, before the time is over that the fetch was to be held for.
    broker.partitions.set(0, { end: 1, records: await batchAt(0, 'quiet') });
    expect(await quiet.next(AT_ONCE)).toHaveLength(1);
  });

  test('a leader that does not know of the position yet is not believed', async () => {
    const { broker, reader } = begin();
    broker.partitions.set(0, { end: 3, records: Buffer.alloc(0) });
    const behind = reader(0, 5);
    await expect(behind.next(AT_ONCE)).rejects.toMatchObject({
      code: STREAM_CODES.unreachable,
      kind: 'transient',
      message: expect.stringContaining('Nothing was skipped'),
    });
    expect(behind.end).toBeUndefined();
    broker.partitions.set(0, { end: 5, records: Buffer.alloc(0) });
    // What was under way may still fail.
    await vi.waitFor(async () => expect(await behind.next(AT_ONCE)).toEqual([]), 5000);
    expect(behind.end).toBe(5);
  });

  test('a position is beyond the end when others say so too, not only one that hung', async () => {
    const outOfRange = { end: -1, records: Buffer.alloc(0), error: KafkaCode.offsetOutOfRange };
    const hung = begin(3, 3, 9);
    hung.broker.partitions.set(0, outOfRange);
    hung.broker.refresh = async () => {
      hung.broker.partitions.set(0, { end: 9, records: await batchAt(5, 'a', 'b', 'c', 'd') });
    };
    expect(await hung.reader(0, 5).next({ bytesMax: 1000, waitMs: 5000 })).toHaveLength(4);
    for (const [position, word] of [
      [5, 'beyond'],
      [1, 'forgotten'],
    ] as const) {
      const { broker, reader } = begin(3);
      broker.partitions.set(0, outOfRange);
      await expect(reader(0, position).next(AT_ONCE)).rejects.toMatchObject({
        code: STREAM_CODES.outOfRange,
        kind: 'permanent',
        message: expect.stringContaining(word),
      });
    }
  });

  test('a leader in a later epoch than was known has not failed', async () => {
    const { broker, reader } = begin();
    const waiting = reader(0, 0);
    const link = broker.link;
    broker.link = () => Promise.reject(new LinkError('it is away'));
    await expect(waiting.next({ bytesMax: 1000, waitMs: 5000 })).rejects.toMatchObject({
      code: STREAM_CODES.unreachable,
    });
    const records = await batchAt(0, 'a');
    broker.partitions.set(0, { end: 1, records, error: KafkaCode.fencedLeaderEpoch });
    // Who asks after that knows the epoch.
    broker.refresh = async () => {
      if (broker.fetches.length > 0) broker.partitions.set(0, { end: 1, records });
    };
    broker.link = link;
    expect(await waiting.next({ bytesMax: 1000, waitMs: 5000 })).toHaveLength(1);
  });

  test.each([
    ['has records and gives none', async () => Buffer.alloc(0)],
    ['gives what can be no batch', async () => withLength(await batchAt(0, 'a'), -7)],
    ['gives a batch that never ends', async () => withLength(await batchAt(0, 'a'), 2 ** 30)],
  ])('a broker that %s is not asked in a hurry, and it is told', async (_, records) => {
    const { broker, reader } = begin();
    broker.partitions.set(0, { end: 2, records: await records() });
    const stuck = reader(0, 0);
    const sinceMs = performance.now();
    // On a busy machine the first answers may come when nobody waits for them any more.
    await vi.waitFor(async () => {
      const told = { code: STREAM_CODES.broken, kind: 'transient' };
      await expect(stuck.next(AT_ONCE)).rejects.toMatchObject(told);
    }, 5000);
    // After each failure it rests, and two requests at most are under way.
    const rests = Math.floor((performance.now() - sinceMs) / REST_MS);
    expect(broker.fetches.length).toBeLessThanOrEqual(2 * (1 + rests));
    broker.partitions.set(0, { end: 2, records: await batchAt(0, 'a', 'b') });
    const read = (): Promise<unknown> => stuck.next({ bytesMax: 1000, waitMs: 5000 });
    await vi.waitFor(async () => expect(await read()).toHaveLength(2), 5000);
  });

  test('a batch that had no room beside those of others is asked for again', async () => {
    const { broker, reader } = begin();
    const whole = await batchAt(0, 'x'.repeat(300));
    broker.partitions.set(0, { end: 1, records: whole });
    broker.partitions.set(1, { end: 1, records: whole.subarray(0, 200) });
    const [one, other] = [reader(0, 0), reader(1, 0)];
    const waiting = [one, other].map((each) => each.next({ bytesMax: 1000, waitMs: 5000 }));
    await vi.waitFor(() => expect(broker.fetches.length).toBeGreaterThan(0), 10_000);
    broker.release();
    expect(await waiting[0]).toHaveLength(1);
    broker.partitions.set(0, { end: 1, records: Buffer.alloc(0) });
    broker.partitions.set(1, { end: 1, records: whole });
    broker.release();
    expect(await waiting[1]).toHaveLength(1);
  });
});

type OpenReader = (partition: number, position: number) => KafkaReader;

function withLength(batch: Buffer, length: number): Buffer {
  batch.writeInt32BE(length, 8);
  return batch;
}
