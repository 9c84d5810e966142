import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { TOPIC_EVENTS, TOPIC_SERIES } from '../../stream.ts';
import { quietIdleLoop } from './idle-loop-patch.ts';
import { RequestQueue } from './kafkajs-internals.ts';
import { openKafkaStream } from '../kafka-stream.ts';
import { makeTestTopics } from '../testing/test-topics.ts';

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);

describe.skipIf('missing' in kafka)('how often what is idle wakes up', () => {
  if ('missing' in kafka) return;
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Timers armed a second: each of them is a wake-up. */
  const countTimers = async (): Promise<number> => {
    const timeouts = vi.spyOn(globalThis, 'setTimeout');
    await sleep(1000);
    const { length } = timeouts.mock.calls;
    timeouts.mockRestore();
    return length;
  };
  const countIdleAdmin = async (): Promise<number> => {
    const brokers = kafka.url.split(',');
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.listTopics();
    try {
      return await countTimers();
    } finally {
      await admin.disconnect();
    }
  };

  test('a client of kafkajs: hundreds of times a second before, hardly ever after', async () => {
    expect(await countIdleAdmin()).toBeGreaterThan(200);
    quietIdleLoop();
    quietIdleLoop();
    expect(await countIdleAdmin()).toBeLessThan(10);
  });

  test('a stream with 24 readers that wait', async () => {
    const topics = await makeTestTopics({ url: kafka.url, partitions: 12 });
    const stream = await openKafkaStream({ ...topics, clock: systemClock, log: silentLog });
    const waiting = Array.from({ length: 12 }, (_, partition) => partition).flatMap((partition) =>
      ([TOPIC_EVENTS, TOPIC_SERIES] as const).map((topic) => {
        const reader = stream.reader(topic, partition, 0);
        return reader.next({ bytesMax: 1, waitMs: 60_000 }).catch(() => undefined);
      }),
    );
    // The readers have to come together in one request first.
    await sleep(1500);
    expect(await countTimers()).toBeLessThan(20);
    await stream.close();
    await Promise.all(waiting);
    await topics.remove();
  });

  test('another method than the one we know is not replaced', () => {
    const { prototype } = RequestQueue;
    const known = prototype.scheduleCheckPendingRequests;
    prototype.scheduleCheckPendingRequests = () => undefined;
    try {
      expect(() => quietIdleLoop()).toThrow(/is another one/);
    } finally {
      prototype.scheduleCheckPendingRequests = known;
    }
  });
});
