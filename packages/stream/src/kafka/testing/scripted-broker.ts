import { systemClock } from '@millrace/runtime';
import type { BrokerLink, LinkRequest } from '../client/broker-link.ts';
import type { KafkajsProtocol } from '../client/kafkajs-internals.ts';
import { kafkaTopics, type KafkaTopics } from '../client/kafka-topics.ts';
import { encodeBatch } from '../produce/record-batch.ts';
import { WireReader, WireWriter, writeInt64 } from '../client/wire-bytes.ts';

const TOPIC_ID = '0123456789abcdef0123456789abcdef';
const END = new WireWriter().uvarint(0).bytes;

/** What a partition of the script answers to the next fetch. */
export interface ScriptedPartition {
  end: number;
  records: Buffer;
  error?: number;
}

/** What a batch is answered with. */
export interface ScriptedAnswer {
  error?: number;
  offset?: number;
}

type OnBatch = (partition: number, bytes: Buffer) => Promise<ScriptedAnswer> | ScriptedAnswer;
type ScriptedLink = Pick<BrokerLink, 'send' | 'ask' | 'knowsTopicsById'>;

/**
 * A broker that leads all partitions of one topic and answers as the test says, in the bytes it
 * would: for answers that a real one gives too rarely to wait for.
 */
export class ScriptedBroker {
  readonly topics: KafkaTopics = kafkaTopics();
  readonly partitions: Map<number, ScriptedPartition> = new Map();
  /** How long each fetch was to be held, in the order they came. */
  readonly fetches: number[] = [];
  /** The partitions of each produce request, in the order they came. */
  readonly produced: number[][] = [];
  /** Of each batch that is sent. */
  onBatch: OnBatch;
  #held: (() => void)[] = [];
  #ids = 0;

  // What the fetcher and the sender use of a cluster.
  leaderOf: () => number = () => 1;
  leaderEpochOf: () => number = () => 0;
  idOf: () => string = () => TOPIC_ID;
  whyNoLeader: () => Error = () => new Error('it has a leader');
  replacedError: () => undefined = () => undefined;
  checkSame: () => void = () => undefined;
  refresh: () => Promise<void> = async () => undefined;
  link: () => Promise<ScriptedLink> = async () => this.#link;
  anyLink: () => Promise<ScriptedLink> = async () => this.#link;

  constructor(onBatch: OnBatch = () => ({})) {
    this.onBatch = onBatch;
  }

  readonly #link: ScriptedLink = {
    knowsTopicsById: true,
    send: (request) =>
      request.apiName === 'Fetch' ? this.#fetch(request) : this.#produce(request),
    ask: (protocol) => this.#giveId(protocol),
  };

  /** Answers the fetches that are held, with what there is now. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  async #fetch(request: LinkRequest): Promise<Buffer> {
    const asked = readFetch(request);
    this.fetches.push(asked.waitMs);
    await this.#hold(asked.waitMs);
    await overTheNetwork();
    return fetchAnswer(
      asked.partitions.map((partition) => {
        const found = this.partitions.get(partition);
        return { partition, ...(found ?? { end: 0, records: Buffer.alloc(0) }) };
      }),
    );
  }

  /** For as long as was asked for, or until the test says so. */
  async #hold(waitMs: number): Promise<void> {
    const over = new AbortController();
    const released = new Promise<void>((resolve) => this.#held.push(resolve));
    const sleeping = systemClock.sleep(waitMs, over.signal).catch(() => undefined);
    await Promise.race([released, sleeping]);
    over.abort();
  }

  async #produce(request: LinkRequest): Promise<Buffer> {
    const batches = readProduce(request);
    this.produced.push(batches.map(({ partition }) => partition));
    await overTheNetwork();
    const answers = await Promise.all(
      batches.map(async ({ partition, bytes }) => {
        return { partition, ...(await this.onBatch(partition, bytes)) };
      }),
    );
    return produceAnswer(answers);
  }

  /** The only thing that is asked for besides: a producer id, another one each time. */
  async #giveId<Answer>({ response }: KafkajsProtocol<Answer>): Promise<Answer> {
    this.#ids += 1;
    const answer = new WireWriter().int32(0).int16(0).int64(this.#ids).int16(0).bytes;
    return await response.parse(await response.decode(answer));
  }
}

/** Others get their turn before an answer arrives. */
async function overTheNetwork(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** One batch as a log holds it. */
export async function batchAt(offset: number, ...texts: readonly string[]): Promise<Buffer> {
  const bytes = await encodeBatch({
    payloads: texts.map((text) => new TextEncoder().encode(text)),
    identity: { producerId: -1, epoch: -1, sequence: -1 },
    timestampMs: 1_700_000_000_000,
    compression: 'none',
  });
  writeInt64(bytes, 0, offset);
  return bytes;
}

function readFetch({ body }: LinkRequest): { waitMs: number; partitions: number[] } {
  const reader = new WireReader(Buffer.concat(body));
  reader.int32();
  const waitMs = reader.int32();
  reader.int32();
  reader.int32();
  reader.int8();
  reader.int32();
  reader.int32();
  const partitions = reader.compactArray(() => {
    reader.uuid();
    const [partition = 0] = reader.compactArray(() => {
      const found = reader.int32();
      reader.int32();
      reader.int64();
      reader.int32();
      reader.int64();
      reader.int32();
      reader.endStructure();
      return found;
    });
    reader.endStructure();
    return partition;
  });
  return { waitMs, partitions };
}

function fetchAnswer(
  partitions: readonly (Readonly<{ partition: number }> & Readonly<ScriptedPartition>)[],
): Buffer {
  const head = new WireWriter().uvarint(0).int32(0).int16(0).int32(0);
  const parts: Uint8Array[] = [head.uvarint(partitions.length + 1).bytes];
  for (const { partition, end, records, error = 0 } of partitions) {
    const one = new WireWriter().uuid(TOPIC_ID).uvarint(2).int32(partition).int16(error);
    one
      .int64(end)
      .int64(end)
      .int64(0)
      .uvarint(0)
      .int32(-1)
      .uvarint(records.length + 1);
    parts.push(one.bytes, records, END, END);
  }
  return Buffer.concat([...parts, END]);
}

function readProduce({ body }: LinkRequest): { partition: number; bytes: Buffer }[] {
  const reader = new WireReader(Buffer.concat(body));
  reader.uvarint();
  reader.int16();
  reader.int32();
  const topics = reader.compactArray(() => {
    reader.uuid();
    const batches = reader.compactArray(() => {
      const batch = { partition: reader.int32(), bytes: reader.compactBytes() };
      reader.endStructure();
      return batch;
    });
    reader.endStructure();
    return batches;
  });
  return topics.flat();
}

function produceAnswer(
  answers: readonly (Readonly<{ partition: number }> & ScriptedAnswer)[],
): Buffer {
  const body = new WireWriter()
    .uvarint(0)
    .uvarint(2)
    .uuid(TOPIC_ID)
    .uvarint(answers.length + 1);
  for (const { partition, error = 0, offset = 0 } of answers) {
    body.int32(partition).int16(error).int64(offset).int64(1_700_000_000_000).int64(0);
    // No record is to blame, no message.
    body.uvarint(1).uvarint(0).uvarint(0);
  }
  return body.uvarint(0).int32(0).uvarint(0).bytes;
}
