import { createRequire } from 'node:module';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { TOPIC_EVENTS } from '../../stream.ts';
import type { BrokerLink } from '../client/broker-link.ts';
import { KafkaCluster } from '../client/kafka-cluster.ts';
import { DEFAULT_KAFKA_SETTINGS } from '../client/kafka-settings.ts';
import { openKafkaStream } from '../kafka-stream.ts';
import { requests } from '../client/kafkajs-internals.ts';
import { LATEST, listOffsets } from '../read/partition-offsets.ts';
import { produceRequest, readProduced, type ProducedBatch } from './produce-request.ts';
import { KafkaCode } from '../client/protocol.ts';
import { encodeBatch, type BatchIdentity } from './record-batch.ts';
import { readTexts } from '../testing/append-trail.ts';
import { makeTestTopics, type TestTopics } from '../testing/test-topics.ts';

type Send = (...args: unknown[]) => Promise<unknown>;
const Connection = createRequire(import.meta.url)('kafkajs/src/network/connection.js') as {
  prototype: { send: Send };
};

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);

const ways = [
  { named: 'by id', wantsId: true },
  { named: 'by name, as for brokers before 4.1', wantsId: false },
];

/** Why a sequence number must never be used for another batch, shown on a real broker. */
describe.skipIf('missing' in kafka).each(ways)('sequence numbers, topics $named', ({ wantsId }) => {
  if ('missing' in kafka) return;
  let topics: TestTopics;
  let cluster: KafkaCluster;
  let link: BrokerLink;
  let topic: string;

  beforeAll(async () => {
    topics = await makeTestTopics({ url: kafka.url, partitions: 8 });
    topic = topics.names[TOPIC_EVENTS];
    cluster = new KafkaCluster({
      connection: topics.connection,
      topics: topics.names,
      log: silentLog,
      sleep: async () => undefined,
      settings: DEFAULT_KAFKA_SETTINGS,
    });
    cluster.pinTopics(await cluster.refresh());
    link = await cluster.link(cluster.leaderOf(TOPIC_EVENTS, 0)!, 'produce');
    // A broker that is named as the leader may not know it yet.
    const partitions = Array.from({ length: 8 }, (_, partition) => ({
      ...{ partition, leaderEpoch: -1 },
    }));
    const asked = { topic, partitions, at: LATEST, msMax: 5000 };
    await vi.waitFor(() => listOffsets(link, asked), 10_000);
  });
  afterAll(async () => {
    cluster.close();
    await topics.remove();
  });

  const newId = async (): Promise<BatchIdentity> => {
    const asked = { transactionalId: null, transactionTimeout: 60_000 };
    const protocol = requests.InitProducerId.protocol({ version: 1 })(asked);
    // A broker that was just started says "loading" for a moment.
    const { producerId, producerEpoch } = await vi.waitFor(() => link.ask(protocol, 5000), 10_000);
    return { producerId: Number(producerId), epoch: producerEpoch, sequence: 0 };
  };
  const send = async (
    partition: number,
    identity: BatchIdentity,
    texts: readonly string[],
  ): Promise<ProducedBatch> => {
    const bytes = await encodeBatch({
      payloads: texts.map((text) => new TextEncoder().encode(text)),
      identity,
      timestampMs: 1_700_000_000_000,
      compression: 'none',
    });
    const byId = wantsId && link.knowsTopicsById;
    const topicId = cluster.idOf(TOPIC_EVENTS)!;
    const request = produceRequest([{ topic, topicId, partition, bytes }], {
      byId,
      timeoutMs: 5000,
    });
    return readProduced(await link.send(request, 5000), { byId })[0]!;
  };

  test('another batch with the same numbers is acknowledged, and is not there', async () => {
    const id = await newId();
    expect(await send(0, id, ['a'])).toMatchObject({ error: 0, offset: 0 });
    // It says that it is at offset 0, where "a" is.
    expect(await send(0, id, ['b'])).toMatchObject({ error: 0, offset: 0 });
    expect(await send(0, { ...id, sequence: 1 }, ['c'])).toMatchObject({ error: 0, offset: 1 });
  });

  test('the same batch again is found where it is', async () => {
    const id = await newId();
    const first = await send(1, id, ['a', 'b']);
    expect(await send(1, id, ['a', 'b'])).toEqual(first);
  });

  test('numbers that leave some out are refused, and nothing is appended', async () => {
    const id = await newId();
    await send(2, id, ['a']);
    expect(await send(2, { ...id, sequence: 2 }, ['b'])).toMatchObject({ error: 45 });
    expect(await send(2, { ...id, sequence: 1 }, ['c'])).toMatchObject({ error: 0, offset: 1 });
  });

  test('sequence numbers begin again at 0 after the largest one', async () => {
    const id = await newId();
    const last = 2 ** 31 - 1;
    expect(await send(3, { ...id, sequence: last - 1 }, ['a', 'b'])).toMatchObject({ error: 0 });
    expect(await send(3, { ...id, sequence: 0 }, ['c'])).toMatchObject({ error: 0, offset: 2 });
  });

  test('a batch may wrap in its middle', async () => {
    const id = await newId();
    const last = 2 ** 31 - 1;
    expect(await send(4, { ...id, sequence: last }, ['a', 'b'])).toMatchObject({ error: 0 });
    expect(await send(4, { ...id, sequence: 1 }, ['c'])).toMatchObject({ error: 0, offset: 2 });
  });

  test("kafkajs's own producer gives the numbers of a lost send to the next one", async () => {
    // The reason why it is not used: this is what happens to `b`, which is acknowledged and lost.
    const client = new Kafka({
      brokers: kafka.url.split(','),
      requestTimeout: 5000,
      retry: { retries: 0 },
      logLevel: logLevel.NOTHING,
    });
    const producer = client.producer({ idempotent: true, retry: { retries: 1 } });
    await producer.connect();
    const sent = async (value: string): Promise<string | undefined> => {
      const [answer] = await producer.send({
        topic,
        messages: [{ value, partition: 5 }],
        acks: -1,
      });
      return answer?.baseOffset;
    };
    expect(await sent('first')).toBe('0');
    const { send: sendReally } = Connection.prototype;
    Connection.prototype.send = async function loseAnswer(this: unknown, ...args: unknown[]) {
      await sendReally.apply(this, args);
      throw new Error('the answer was lost');
    };
    await expect(sent('a')).rejects.toThrow('the answer was lost');
    Connection.prototype.send = sendReally;
    expect(await sent('b')).toBe('1');
    expect(await sent('c')).toBe('2');
    await producer.disconnect();
    const stream = await openKafkaStream({ ...topics, clock: systemClock, log: silentLog });
    const texts = (await readTexts(stream, 5)).map(({ text }) => text);
    await stream.close();
    expect(texts).toEqual(['first', 'a', 'c']);
  });

  test('a batch for a topic that was made again gets into the new one only by name', async () => {
    const id = await newId();
    expect(await send(6, id, ['old'])).toMatchObject({ error: 0, offset: 0 });
    await topics.remove();
    const { topicPrefix } = topics;
    topics = await makeTestTopics({ url: kafka.url, partitions: 8, topicPrefix });
    const late = (): Promise<ProducedBatch> => send(6, { ...id, sequence: 1 }, ['late']);
    const byId = wantsId && link.knowsTopicsById;
    const outcome = byId ? { error: KafkaCode.unknownTopicId } : { error: 0, offset: 0 };
    await vi.waitFor(async () => expect(await late()).toMatchObject(outcome), 10_000);
  });
});
