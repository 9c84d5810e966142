import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_CONTROL, TOPIC_EVENTS, type Stream } from '../stream.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { makeTestTopics, type TestTopics } from './testing/test-topics.ts';

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);

const replaced = { code: STREAM_CODES.replaced, kind: 'permanent' };

describe.skipIf('missing' in kafka)('a topic that is deleted and made again', () => {
  if ('missing' in kafka) return;
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const open = async (topics: TestTopics): Promise<Stream> => {
    const stream = await openKafkaStream({
      ...topics,
      clock: systemClock,
      log: silentLog,
      settings: { retryMs: 2000, appendMs: 2000 },
    });
    cleanups.push(() => stream.close());
    return stream;
  };
  const begin = async (): Promise<{ topics: TestTopics; stream: Stream }> => {
    const topics = await makeTestTopics({ url: kafka.url, partitions: 2 });
    cleanups.push(() => topics.remove());
    return { topics, stream: await open(topics) };
  };
  const makeAgain = async (topics: TestTopics): Promise<void> => {
    await topics.remove();
    const { topicPrefix } = topics;
    await vi.waitFor(() => makeTestTopics({ url: kafka.url, partitions: 2, topicPrefix }), 20_000);
  };

  test('appends are refused for good, and none is acknowledged in the other log', async () => {
    const { topics, stream } = await begin();
    const producer = stream.producer();
    for (let i = 0; i < 5; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(`old ${i}`));
    await makeAgain(topics);
    await expect(producer.append(TOPIC_EVENTS, 0, bytesOf('new'))).rejects.toMatchObject({
      ...replaced,
      remedy: expect.stringContaining('millrace setup --accept-new-log'),
    });
    await expect(producer.append(TOPIC_EVENTS, 0, bytesOf('new'))).rejects.toMatchObject(replaced);
  });

  test('readers stop, although the other log holds their position too', async () => {
    const { topics, stream } = await begin();
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, bytesOf('old'));
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    expect(await reader.next({ bytesMax: 1000, waitMs: 5000 })).toHaveLength(1);
    await makeAgain(topics);
    const other = (await open(topics)).producer();
    for (let i = 0; i < 5; i += 1) await other.append(TOPIC_EVENTS, 0, bytesOf(`new ${i}`));
    await expect(reader.next({ bytesMax: 1000, waitMs: 5000 })).rejects.toMatchObject(replaced);
    await expect(
      stream.reader(TOPIC_EVENTS, 0, 0).next({ bytesMax: 1000, waitMs: 5000 }),
    ).rejects.toMatchObject(replaced);
    await expect(stream.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject(replaced);
    await expect(stream.release(TOPIC_EVENTS, 0, 1)).rejects.toMatchObject(replaced);
  });

  test('while it is only deleted, nothing is acknowledged or skipped', async () => {
    const { topics, stream } = await begin();
    const producer = stream.producer();
    await producer.append(TOPIC_CONTROL, 0, bytesOf('old'));
    const reader = stream.reader(TOPIC_CONTROL, 0, 1);
    await topics.remove();
    const transient = { kind: 'transient', remedy: expect.stringContaining('millrace setup') };
    // Kafka deletes it a moment later.
    const append = (): Promise<unknown> => producer.append(TOPIC_CONTROL, 0, bytesOf('x'));
    await vi.waitFor(() => expect(append()).rejects.toMatchObject(transient), 20_000);
    await expect(reader.next({ bytesMax: 1000, waitMs: 60_000 })).rejects.toMatchObject({
      kind: 'transient',
    });
  });
});

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
