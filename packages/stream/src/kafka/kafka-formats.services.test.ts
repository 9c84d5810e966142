import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog, systemClock } from '@millrace/runtime';
import { isMissing, reportMissing, runOrFail } from '@millrace/runtime/testing';
import { CompressionTypes } from 'kafkajs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type Stream } from '../stream.ts';
import { compressionNames, type CompressionName } from './client/compression.ts';
import { createKafkaClient } from './client/kafka-client.ts';
import { DEFAULT_KAFKA_SETTINGS, type KafkaSettings } from './client/kafka-settings.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { readTexts } from './testing/append-trail.ts';
import { startKafkaBroker } from './testing/kafka-broker.ts';
import { findKafka, type KafkaProgram } from './testing/kafka-program.ts';
import { makeTestTopics, type TestTopics } from './testing/test-topics.ts';

// A broker of its own: its files are damaged.
const broker = await startKafkaBroker({ own: true });
if (isMissing(broker)) reportMissing(broker);
const AT_ONCE = { bytesMax: 8 * 1024 * 1024, waitMs: 0 } as const;

describe.skipIf(isMissing(broker))('what lies in the log', () => {
  if (isMissing(broker)) return;
  const opened: Stream[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((stream) => stream.close()));
  });
  afterAll(() => broker.stop());

  const open = async (
    topics: TestTopics,
    settings: Partial<KafkaSettings> = {},
  ): Promise<Stream> => {
    const base = { ...topics, clock: systemClock, log: silentLog };
    const stream = await openKafkaStream({ ...base, settings });
    opened.push(stream);
    return stream;
  };
  const clientOf = ({ connection }: TestTopics): ReturnType<typeof createKafkaClient> =>
    createKafkaClient({
      ...{ connection, log: silentLog, settings: DEFAULT_KAFKA_SETTINGS, retries: 3 },
    });
  /** Long, and repeating itself. */
  const textOf = (number: number): string => `${number}: ${`text ${number % 3} `.repeat(900)}end`;

  test.each(compressionNames)('written with %s by us, read by kafkajs and by us', async (name) => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const stream = await open(topics, { compression: name });
    const producer = stream.producer();
    const texts = Array.from({ length: 40 }, (_, i) => textOf(i));
    await Promise.all(
      texts.map((text) => producer.append(TOPIC_EVENTS, 0, new TextEncoder().encode(text))),
    );
    expect((await readTexts(stream, 0)).map(({ text }) => text)).toEqual(texts);
    const consumer = clientOf(topics).consumer({
      groupId: topics.topicPrefix,
      maxWaitTimeInMs: 100,
    });
    const seen: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: topics.names[TOPIC_EVENTS], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => void seen.push(message.value!.toString()),
    });
    await vi.waitFor(() => expect(seen).toEqual(texts), 20_000);
    await consumer.disconnect();
  });

  test('written by kafkajs with each codec, keys and headers: the value counts', async () => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const producer = clientOf(topics).producer();
    await producer.connect();
    const texts: string[] = [];
    const { None, GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
    for (const [index, compression] of [None, GZIP, Snappy, LZ4, ZSTD].entries()) {
      const values = [textOf(2 * index), textOf(2 * index + 1)];
      texts.push(...values);
      await producer.send({
        topic: topics.names[TOPIC_EVENTS],
        compression,
        messages: values.map((value) => ({ key: 'a key', value, headers: { of: 'a header' } })),
      });
    }
    await producer.disconnect();
    expect((await readTexts(await open(topics), 0)).map(({ text }) => text)).toEqual(texts);
  });

  test('written by Java with each codec', async () => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const program = (await findKafka()) as KafkaProgram;
    const texts: string[] = [];
    for (const [index, name] of compressionNames.entries()) {
      const lines = Array.from({ length: 20 }, (_, i) => textOf(20 * index + i));
      texts.push(...lines);
      await writeByJava(program, topics.names[TOPIC_EVENTS], name, lines);
    }
    expect((await readTexts(await open(topics), 0)).map(({ text }) => text)).toEqual(texts);
  }, 60_000);

  test('marks of transactions are no records, and take their offsets', async () => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const transactionalId = topics.topicPrefix;
    const producer = clientOf(topics).producer({
      ...{ transactionalId, idempotent: true, maxInFlightRequests: 1 },
    });
    await producer.connect();
    for (const value of ['a', 'b', 'c']) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topics.names[TOPIC_EVENTS], messages: [{ value }] });
      await transaction.commit();
    }
    await producer.disconnect();
    const stream = await open(topics);
    // The mark of `c`, at offset 5, is written a moment later.
    await vi.waitFor(
      async () => expect((await stream.bounds(TOPIC_EVENTS, 0)).end).toBe(6),
      10_000,
    );
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    const records = await reader.next({ ...AT_ONCE, waitMs: 5000 });
    const rest = await reader.next(AT_ONCE);
    expect([...records, ...rest].map(({ offset }) => offset)).toEqual([0, 2, 4]);
    expect(await reader.next(AT_ONCE)).toEqual([]);
    await stream.producer().append(TOPIC_EVENTS, 0, new TextEncoder().encode('d'));
    expect((await reader.next(AT_ONCE)).map(({ offset }) => offset)).toEqual([6]);
  });

  test('a flipped bit on the disk of the broker is noticed and not skipped', async () => {
    const topics = await makeTestTopics({ url: broker.url, partitions: 1 });
    const stream = await open(topics);
    const producer = stream.producer();
    for (const text of ['sound', 'to be damaged', 'sound as well']) {
      await producer.append(TOPIC_EVENTS, 0, new TextEncoder().encode(text));
    }
    await stream.close();
    // Cleanly, so that it does not look through its files when it comes back.
    await broker.nodes[0]!.stop();
    await damage(topics.names[TOPIC_EVENTS], 'to be damaged');
    await broker.restart();
    const again = await open(topics);
    const reader = again.reader(TOPIC_EVENTS, 0, 0);
    const [record] = await reader.next({ ...AT_ONCE, waitMs: 5000 });
    expect(new TextDecoder().decode(record!.payload)).toBe('sound');
    for (let times = 0; times < 2; times += 1) {
      await expect(reader.next({ ...AT_ONCE, waitMs: 5000 })).rejects.toMatchObject({
        code: STREAM_CODES.corrupt,
        kind: 'permanent',
        message: expect.stringContaining('the batch of offset 1 fails its check'),
      });
    }
    expect(await again.reader(TOPIC_EVENTS, 0, 2).next({ ...AT_ONCE, waitMs: 5000 })).toHaveLength(
      1,
    );
  }, 60_000);

  const { directory: brokerDirectory, url } = broker;
  async function damage(topic: string, text: string): Promise<void> {
    const directory = join(brokerDirectory, 'node-1', `${topic}-0`);
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.log')) continue;
      const bytes = await readFile(join(directory, name));
      const at = bytes.indexOf(text);
      expect(at).toBeGreaterThan(0);
      bytes[at] = bytes[at]! ^ 1;
      await writeFile(join(directory, name), bytes);
    }
  }
  async function writeByJava(
    program: KafkaProgram,
    topic: string,
    name: CompressionName,
    lines: readonly string[],
  ): Promise<void> {
    const file = join(brokerDirectory, 'lines');
    await writeFile(file, lines.join('\n'));
    const tool = ['org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', url];
    const how = ['--topic', topic, '--compression-codec', name];
    const java = ['-XX:TieredStopAtLevel=1', ...program.logArgs, '-cp', program.classPath];
    await runOrFail({
      file: 'sh',
      args: ['-c', 'input=$1; shift; "$@" < "$input"', 'sh', file, program.java, ...java].concat(
        ...[tool, how],
      ),
    });
  }
});
