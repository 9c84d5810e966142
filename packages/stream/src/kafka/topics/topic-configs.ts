import { STREAM_CODES, StreamError } from '../../stream-error.ts';
import type { BrokerLink, LinkRequest } from '../client/broker-link.ts';
import { requests } from '../client/kafkajs-internals.ts';
import { batchBytesMax } from '../produce/record-batch.ts';
import type { KafkaSettings } from '../client/kafka-settings.ts';
import { WireReader, WireWriter } from '../client/wire-bytes.ts';
import { KafkaAnswerError } from '../client/kafka-errors.ts';

export type TopicConfigs = Readonly<Record<string, string>>;

/** Roughly what a record of small payloads adds; a batch is cut by the payloads in it. */
const RECORDS_PER_BATCH_ROOM = 10_000;
const TOPIC = 2;

/**
 * What a topic must have so that nothing is lost, and that what is not: records expire only when
 * `release` says so, times are the broker's, and no copy that lacks records may lead.
 */
export function neededConfigs(settings: KafkaSettings): TopicConfigs {
  return {
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': `${messageBytes(settings)}`,
  };
}

/** What is set beside that when a topic is made; later it is the operator's. */
export function firstConfigs(replicas: number): TopicConfigs {
  return {
    'min.insync.replicas': replicas > 1 ? '2' : '1',
    // Copies are what makes a record durable; a broker that is alone has to flush it.
    ...(replicas > 1 ? {} : { 'flush.messages': '1' }),
    // Space is given back by whole segments.
    'segment.bytes': `${256 * 1024 * 1024}`,
    'compression.type': 'producer',
  };
}

/** What `findWeakness` looks at. */
export const WEAKENING_CONFIGS: readonly string[] = ['min.insync.replicas', 'flush.messages'];

/**
 * Why a record of this topic that was acknowledged can be lost with a single machine; undefined:
 * it cannot. Whether that is wanted is the operator's to say.
 */
export function findWeakness(configs: TopicConfigs, replicas: number): string | undefined {
  const { 'min.insync.replicas': copies, 'flush.messages': flush } = configs;
  if (replicas > 1 && Number(copies) < 2) {
    return `min.insync.replicas=${copies}: a record counts as soon as one broker has it`;
  }
  if (replicas > 1 || flush === '1') return undefined;
  return `it has one copy and flush.messages=${flush}: a record counts before it is on a disk`;
}

function messageBytes({ batchBytesMax: payloads, recordBytesMax }: KafkaSettings): number {
  return batchBytesMax(RECORDS_PER_BATCH_ROOM, Math.max(payloads, recordBytesMax));
}

/** Of `wanted`, what the topic has otherwise; a larger max.message.bytes will do. */
export function differingConfigs(found: TopicConfigs, wanted: TopicConfigs): TopicConfigs {
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => {
      if (name === 'max.message.bytes') return Number(found[name]) < Number(value);
      return found[name] !== value;
    }),
  );
}

/** The effective configuration of each topic, as far as `names` go. */
export async function describeTopics(
  link: BrokerLink,
  params: Readonly<{ topics: readonly string[]; names: readonly string[]; msMax: number }>,
): Promise<ReadonlyMap<string, TopicConfigs>> {
  const { topics, names, msMax } = params;
  const asked = requests.DescribeConfigs.protocol({ version: 2 })({
    resources: topics.map((name) => ({ type: TOPIC, name, configNames: [...names] })),
  });
  const { resources } = await link.ask(asked, msMax);
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      Object.fromEntries(
        configEntries.map(({ configName, configValue }) => [configName, configValue ?? '']),
      ),
    ]),
  );
}

/**
 * Sets these and leaves all others as they are. kafkajs has only the older request, which takes
 * away whatever it does not name.
 */
export async function alterTopic(
  link: BrokerLink,
  params: Readonly<{ topic: string; configs: TopicConfigs; msMax: number }>,
): Promise<void> {
  const { topic, configs, msMax } = params;
  const set = 0;
  const entries = Object.entries(configs);
  const body = new WireWriter().int32(1).int8(TOPIC).string(topic).int32(entries.length);
  for (const [name, value] of entries) body.string(name).int8(set).string(value);
  body.int8(0);
  const request: LinkRequest = {
    ...{ apiKey: 44, apiVersion: 0, apiName: 'IncrementalAlterConfigs', isFlexible: false },
    body: [body.bytes],
  };
  const reader = new WireReader(await link.send(request, msMax));
  reader.int32();
  const [error = 0] = reader.array(() => {
    const code = reader.int16();
    reader.string();
    reader.int8();
    reader.string();
    return code;
  });
  if (error !== 0) throw new KafkaAnswerError(error);
}

/** @throws StreamError STREAM_NOT_SET_UP, naming every configuration that is wrong. */
export function checkConfigs(
  found: ReadonlyMap<string, TopicConfigs>,
  settings: KafkaSettings,
): void {
  const wrong = [...found].flatMap(([topic, configs]) =>
    Object.entries(differingConfigs(configs, neededConfigs(settings))).map(
      ([name, value]) => `${topic} has ${name}=${configs[name]} and needs ${value}`,
    ),
  );
  if (wrong.length === 0) return;
  throw new StreamError({
    code: STREAM_CODES.notSetUp,
    message: `Kafka is not set up: ${wrong.join('; ')}. Nothing was opened or changed.`,
    remedy: 'Run "millrace setup", which sets it ("--plan" shows what it would do).',
  });
}
