import { silentLog, systemClock, type Log } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_CHECKPOINTS, TOPIC_CONTROL, TOPIC_EVENTS, TOPIC_SERIES } from '../../stream.ts';
import { createKafkaClient } from '../client/kafka-client.ts';
import { DEFAULT_KAFKA_SETTINGS } from '../client/kafka-settings.ts';
import { openKafkaStream, type KafkaStreamParams } from '../kafka-stream.ts';
import { setupKafkaTopics, type SetupTopicsParams, type TopicChange } from './setup-topics.ts';
import { makeTestTopics, type TestTopics } from '../testing/test-topics.ts';

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);

describe.skipIf('missing' in kafka)('setting up the topics', () => {
  if ('missing' in kafka) return;
  let topics: TestTopics | undefined;
  afterEach(() => topics?.remove());

  const begin = async (partitions = 3): Promise<TestTopics> => {
    topics = await makeTestTopics({ url: kafka.url, partitions });
    return topics;
  };
  const setup = (
    of: TestTopics,
    params: Partial<SetupTopicsParams> = {},
  ): Promise<readonly TopicChange[]> => setupKafkaTopics({ ...of, log: silentLog, ...params });
  const open = (of: TestTopics, params: Partial<KafkaStreamParams> = {}): Promise<unknown> =>
    openKafkaStream({ ...of, clock: systemClock, log: silentLog, ...params }).then((stream) =>
      stream.close(),
    );
  const configure = async (topic: string, name: string, value: string): Promise<void> => {
    const { connection } = topics!;
    const client = createKafkaClient({
      ...{ connection, log: silentLog, settings: DEFAULT_KAFKA_SETTINGS, retries: 2 },
    });
    const admin = client.admin();
    await admin.connect();
    const configEntries = [{ name, value }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries }],
    });
    const told = async (): Promise<string | undefined> => {
      const asked = { includeSynonyms: false, resources: [{ type: 2, name: topic }] };
      const { resources } = await admin.describeConfigs(asked);
      return resources[0]?.configEntries.find((one) => one.configName === name)?.configValue;
    };
    // The broker says it a moment after it has taken it.
    await expect.poll(told, { timeout: 10_000 }).toBe(value);
    await admin.disconnect();
  };

  test('a plan tells what would be made, and makes nothing', async () => {
    topics = await makeTestTopics({ url: kafka.url, partitions: 3, planOnly: true });
    const plan = await setup(topics, { partitions: 3, planOnly: true });
    expect(plan.map(({ topic, action, partitions }) => ({ topic, action, partitions }))).toEqual([
      { topic: topics.names[TOPIC_EVENTS], action: 'create', partitions: 3 },
      { topic: topics.names[TOPIC_SERIES], action: 'create', partitions: 3 },
      { topic: topics.names[TOPIC_CONTROL], action: 'create', partitions: 1 },
      { topic: topics.names[TOPIC_CHECKPOINTS], action: 'create', partitions: 3 },
    ]);
    expect(plan[0]!.configs).toMatchObject({
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': '-1',
      'cleanup.policy': 'delete',
      'unclean.leader.election.enable': 'false',
    });
    await expect(open(topics)).rejects.toMatchObject({
      code: STREAM_CODES.notSetUp,
      kind: 'permanent',
      message: expect.stringContaining(topics.names[TOPIC_SERIES]),
      remedy: expect.stringContaining('millrace setup'),
    });
  });

  test('repeating it keeps everything', async () => {
    const made = await begin();
    for (const params of [{}, { partitions: 3 }, { planOnly: true }]) {
      const changes = await setup(made, params);
      expect(changes.map(({ action }) => action)).toEqual(['keep', 'keep', 'keep', 'keep']);
    }
    await open(made);
  });

  test('several at once do no harm', async () => {
    topics = await makeTestTopics({ url: kafka.url, planOnly: true });
    const made = topics;
    await Promise.all([1, 2, 3].map(() => setup(made, { partitions: 2 })));
    expect((await setup(made)).map(({ partitions }) => partitions)).toEqual([2, 2, 1, 2]);
    await open(made, { partitions: 2 });
  });

  test('what was changed is refused, and set right', async () => {
    const made = await begin();
    const events = made.names[TOPIC_EVENTS];
    for (const [name, value] of [
      ['message.timestamp.type', 'CreateTime'],
      ['retention.ms', '3600000'],
      ['cleanup.policy', 'compact'],
      ['unclean.leader.election.enable', 'true'],
      ['max.message.bytes', '100000'],
    ] as const) {
      // This request takes all others away as well: so they come back by the same way.
      await configure(events, name, value);
      await expect(open(made)).rejects.toMatchObject({
        code: STREAM_CODES.notSetUp,
        message: expect.stringContaining(`${events} has ${name}=${value}`),
        remedy: expect.stringContaining('millrace setup'),
      });
      const [change] = await setup(made);
      expect(change).toMatchObject({ topic: events, action: 'change' });
      expect(Object.keys(change!.configs)).toContain(name);
      await open(made);
    }
  });

  test('other settings of a topic are left alone, and larger records are fine', async () => {
    const made = await begin();
    const events = made.names[TOPIC_EVENTS];
    await configure(events, 'segment.ms', '86400000');
    await setup(made);
    await configure(events, 'max.message.bytes', '8000000');
    await setup(made);
    expect((await setup(made)).map(({ action }) => action)).toEqual([
      'keep',
      'keep',
      'keep',
      'keep',
    ]);
    await open(made);
  });

  test('a topic whose records can be lost with one machine is told at each opening', async () => {
    const made = await begin();
    const events = made.names[TOPIC_EVENTS];
    const warned: unknown[] = [];
    const log: Log = { ...silentLog, warn: (fields) => void warned.push(fields) };
    await open(made, { log });
    expect(warned).toEqual([]);
    // Takes the flush away, and setup leaves that to the operator.
    await configure(events, 'segment.ms', '86400000');
    await setup(made);
    await open(made, { log });
    expect(warned).toEqual([{ topic: events, why: expect.stringContaining('flush.messages') }]);
  });

  test('what Kafka can never make is told for good, and which topic it is', async () => {
    topics = await makeTestTopics({ url: kafka.url, planOnly: true });
    const refused = { code: STREAM_CODES.notSetUp, kind: 'permanent' };
    await expect(setup(topics, { replicationFactor: 9 })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(
        `${topics.names[TOPIC_CHECKPOINTS]}: INVALID_REPLICATION_FACTOR`,
      ),
      remedy: expect.stringContaining('copies'),
    });
    const named = { ...topics, topicPrefix: 'no spaces-' };
    for (const attempt of [setup, open]) {
      await expect(attempt(named)).rejects.toMatchObject({
        ...refused,
        remedy: expect.stringContaining('topic prefix'),
      });
    }
  });

  test('the number of partitions is never changed, nor guessed', async () => {
    const made = await begin();
    const wrong = { code: STREAM_CODES.partitions, kind: 'permanent' };
    await expect(setup(made, { partitions: 4 })).rejects.toMatchObject(wrong);
    await expect(open(made, { partitions: 4 })).rejects.toMatchObject(wrong);
    await open(made, { partitions: 3 });
    const admin = createKafkaClient({
      ...{ connection: made.connection, log: silentLog, settings: DEFAULT_KAFKA_SETTINGS },
      retries: 2,
    }).admin();
    await admin.connect();
    const topicPartitions = [{ topic: made.names[TOPIC_SERIES], count: 5 }];
    await admin.createPartitions({ topicPartitions });
    await admin.disconnect();
    // The broker that answers may hear of them a moment later.
    const answer = (): Promise<unknown> => open(made).catch((error: unknown) => error);
    await expect.poll(answer, { timeout: 10_000 }).toMatchObject({
      ...wrong,
      message: expect.stringContaining(`${made.names[TOPIC_SERIES]} has 5`),
    });
    await expect(setup(made)).rejects.toMatchObject(wrong);
  });
});
