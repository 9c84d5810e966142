import { silentLog, systemClock } from '@millrace/runtime';
import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { TOPIC_EVENTS, type Stream } from '../stream.ts';
import { KafkaCluster } from './client/kafka-cluster.ts';
import { DEFAULT_KAFKA_SETTINGS, type KafkaSettings } from './client/kafka-settings.ts';
import { openKafkaStream, type KafkaStreamParams } from './kafka-stream.ts';
import { AppendTrail, readTexts } from './testing/append-trail.ts';
import { startKafkaBroker } from './testing/kafka-broker.ts';
import type { KafkaNode } from './testing/kafka-node.ts';
import { makeTestTopics, type TestTopics } from './testing/test-topics.ts';

// Three brokers of its own: some are killed.
const broker = await startKafkaBroker({ own: true, nodes: 3, heapMb: 384 });
if (isMissing(broker)) reportMissing(broker);

describe.skipIf(isMissing(broker))('a log on three brokers', () => {
  if (isMissing(broker)) return;
  const opened: Stream[] = [];
  afterEach(async () => {
    broker.resume();
    await Promise.all(opened.splice(0).map((stream) => stream.close()));
    await broker.restart();
  }, 60_000);
  afterAll(() => broker.stop());

  const leaderOf = async (topics: TestTopics): Promise<KafkaNode> => {
    const cluster = new KafkaCluster({
      ...{ connection: topics.connection, topics: topics.names, log: silentLog },
      sleep: (ms) => systemClock.sleep(ms),
      settings: DEFAULT_KAFKA_SETTINGS,
    });
    await cluster.refresh();
    const leader = cluster.leaderOf(TOPIC_EVENTS, 0)!;
    cluster.close();
    return broker.nodes[leader - 1]!;
  };
  const open = async (params: Partial<KafkaStreamParams> = {}): Promise<Stream> => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 6 });
    const base = { ...topics, clock: systemClock, log: silentLog };
    const stream = await openKafkaStream({ ...base, ...params });
    opened.push(stream);
    return stream;
  };

  test('a broker is killed and comes back: the others go on, nothing is lost', async () => {
    const stream = await open();
    const trail = new AppendTrail(stream);
    const seen: number[] = [0, 0, 0, 0, 0, 0];
    const stop = new AbortController();
    const reading = seen.map(async (_, partition) => {
      const reader = stream.reader(TOPIC_EVENTS, partition, 0);
      const { signal } = stop;
      while (!signal.aborted) {
        const how = { bytesMax: 100_000, waitMs: 60_000, signal };
        const records = await reader.next(how).catch(() => []);
        for (const { offset } of records) {
          expect(offset).toBe(seen[partition]);
          seen[partition] = offset + 1;
        }
      }
    });
    let isOver = false;
    const appending = trail.appendUntil(() => isOver);
    const goesOn = async (): Promise<void> => {
      const before = trail.acknowledged;
      await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(before + 200), 40_000);
    };
    await goesOn();
    await broker.nodes[0]!.kill();
    await goesOn();
    await broker.restart();
    await goesOn();
    isOver = true;
    await appending;
    expect(trail.rejected).toEqual([]);
    await vi.waitFor(async () => {
      for (const [partition, next] of seen.entries()) {
        expect(next).toBe((await stream.bounds(TOPIC_EVENTS, partition)).end);
      }
    }, 20_000);
    stop.abort();
    await Promise.all(reading);
    expect(await trail.findFaults(stream)).toEqual([]);
  }, 180_000);

  test('too few copies: nothing is acknowledged until there are enough', async () => {
    const stream = await open({ settings: { appendMs: 60_000 } });
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, new TextEncoder().encode('before'));
    // The first stays alone, and is not the majority of controllers either.
    await Promise.all(broker.nodes.slice(1).map((node) => node.kill()));
    let isThere = false;
    const appended = producer
      .append(TOPIC_EVENTS, 0, new TextEncoder().encode('during'))
      .finally(() => (isThere = true));
    // Nobody is shown what not enough have, either.
    const reader = stream.reader(TOPIC_EVENTS, 0, 1);
    const shown = await reader.next({ bytesMax: 1, waitMs: 3000 }).catch(() => []);
    expect(shown).toEqual([]);
    expect(isThere).toBe(false);
    await broker.restart();
    expect((await appended).offset).toBe(1);
    const texts = (await readTexts(stream, 0)).map(({ text }) => text);
    expect(texts).toEqual(['before', 'during']);
  }, 120_000);

  test('a leader that hung and was replaced meanwhile is not believed', async () => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const openAgain = async (settings: Partial<KafkaSettings>): Promise<Stream> => {
      const stream = await openKafkaStream({
        ...{ ...topics, clock: systemClock, log: silentLog, settings },
      });
      opened.push(stream);
      return stream;
    };
    const producer = (await openAgain({ requestMs: 1000, connectMs: 1000 })).producer();
    // This one waits for the old leader, and has asked it before that hears of the new one.
    const other = await openAgain({ requestMs: 30_000, retryMs: 30_000, connectMs: 30_000 });
    await producer.append(TOPIC_EVENTS, 0, new TextEncoder().encode('before'));
    const warm = other.reader(TOPIC_EVENTS, 0, 0);
    expect(await warm.next({ bytesMax: 1, waitMs: 5000 })).toHaveLength(1);
    expect(await other.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 1 });
    const leader = await leaderOf(topics);
    leader.pause();
    for (let i = 1; i <= 5; i += 1) {
      const { offset } = await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(i));
      expect(offset).toBe(i);
    }
    // Asked now, it would answer first of all when it wakes up, as if it led.
    const bounds = other.bounds(TOPIC_EVENTS, 0);
    const read = other.reader(TOPIC_EVENTS, 0, 5).next({ bytesMax: 1, waitMs: 20_000 });
    await new Promise((resolve) => void setImmediate(resolve));
    leader.resume();
    expect((await bounds).end).toBe(6);
    expect((await read).map(({ offset }) => offset)).toEqual([5]);
  }, 120_000);

  test('one broker hangs: the partitions of the others go on meanwhile', async () => {
    const stream = await open({ settings: { requestMs: 1500 } });
    const trail = new AppendTrail(stream);
    await Promise.all(Array.from({ length: 60 }, () => trail.append()));
    broker.nodes[1]!.pause();
    await Promise.all(Array.from({ length: 60 }, () => trail.append()));
    broker.resume();
    expect(trail.rejected).toEqual([]);
    expect(await trail.findFaults(stream)).toEqual([]);
  }, 120_000);
});
