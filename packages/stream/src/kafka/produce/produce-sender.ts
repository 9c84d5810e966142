import { errorText, type Clock, type Log } from '@millrace/runtime';
import { closedStream, overloaded, recordTooLarge } from '../../stream-error.ts';
import { TOPICS, partitionsOf, type AppendResult, type Topic } from '../../stream.ts';
import { applyAnswer, failedAppend, logNotEncoded, retryLater } from './append-outcome.ts';
import type { BrokerLink } from '../client/broker-link.ts';
import type { KafkaCluster, LinkUse } from '../client/kafka-cluster.ts';
import type { KafkaSettings } from '../client/kafka-settings.ts';
import { requests } from '../client/kafkajs-internals.ts';
import { ProducerLane, type LaneBatch, type ProducerId } from './producer-lane.ts';
import {
  producedTopic,
  produceRequest,
  readProduced,
  type ProducedBatch,
} from './produce-request.ts';

const RECOVER_MS = 50;
const RECOVER_MS_MAX = 500;
const EXPIRE_MS = 200;

type Lanes = Readonly<Record<Topic, readonly ProducerLane[]>>;

/**
 * Sends what the lanes have to their leaders: batches of several partitions in one request, a few
 * requests under way to a broker, each lane in at most one. It tries again by itself, the same
 * bytes under the same numbers, so that the broker can tell them from new ones.
 */
export class ProduceSender {
  readonly #params: ProduceSenderParams;
  readonly #lanes: Lanes;
  readonly #inFlightBytes = new Map<Topic, number>();
  /** Lanes that have something to send, the longest waiting first. */
  readonly #waiting = new Set<ProducerLane>();
  /** Requests under way by broker. */
  readonly #underWay = new Map<number, number>();
  #id: ProducerId | undefined;
  #isPumping = false;
  #watching: NodeJS.Timeout | undefined;
  #isRecovering = false;
  #failures = 0;
  #lastError: unknown;
  #idle: (() => void)[] = [];
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(params: ProduceSenderParams) {
    this.#params = params;
    const create = (topic: Topic): [Topic, readonly ProducerLane[]] => {
      const count = partitionsOf(topic, params.partitions);
      return [topic, Array.from({ length: count }, (_, i) => new ProducerLane(topic, i))];
    };
    this.#lanes = Object.fromEntries(TOPICS.map(create)) as Lanes;
  }

  /** The next append to the partition must get this offset or a later one. */
  expect(topic: Topic, partition: number, nextOffset: number): void {
    this.#lanes[topic][partition]!.nextOffset = nextOffset;
  }

  async append(topic: Topic, partition: number, payload: Uint8Array): Promise<AppendResult> {
    const lane = this.#lanes[topic][partition]!;
    const { settings, cluster } = this.#params;
    const bytes = payload.length;
    if (this.#state !== 'open') throw closedStream(lane.where);
    if (bytes > settings.recordBytesMax) {
      throw recordTooLarge(lane.where, bytes, settings.recordBytesMax);
    }
    cluster.checkSame(topic);
    if (lane.replaced !== undefined) throw lane.replaced;
    const inFlight = this.#inFlightBytes.get(topic) ?? 0;
    if (inFlight > 0 && inFlight + bytes > settings.inFlightBytesMax) {
      throw overloaded(lane.where, settings.inFlightBytesMax);
    }
    this.#inFlightBytes.set(topic, inFlight + bytes);
    try {
      return await new Promise<AppendResult>((resolve, reject) => {
        lane.push({ payload, sinceMs: performance.now(), resolve, reject });
        this.#waiting.add(lane);
        this.#pump();
      });
    } finally {
      this.#inFlightBytes.set(topic, this.#inFlightBytes.get(topic)! - bytes);
    }
  }

  /** Resolves when nothing is under way any more; what still is after `msMax` is rejected. */
  async close(msMax: number): Promise<void> {
    this.#state = 'closing';
    const timer = setTimeout(() => {
      this.#state = 'closed';
      for (const lane of this.#waiting) this.#reject(lane, Infinity, closedStream(lane.where));
      this.#noteIdle();
    }, msMax);
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      this.#noteIdle();
    });
    clearTimeout(timer);
    clearTimeout(this.#watching);
    this.#state = 'closed';
  }

  /** Soon, so that all appends of one turn go out together. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const nowMs = performance.now();
    const groups = new Map<number, ProducerLane[]>();
    let isStuck = false;
    for (const lane of this.#waiting) {
      if (lane.isBusy) continue;
      if (!lane.hasWork) {
        this.#waiting.delete(lane);
        continue;
      }
      const leader = this.#params.cluster.leaderOf(lane.topic, lane.partition);
      const canForm = lane.batch !== undefined || this.#hasIdFor(lane);
      if (lane.notBeforeMs > nowMs || leader === undefined || !canForm) {
        isStuck = true;
        continue;
      }
      groups.set(leader, [...(groups.get(leader) ?? []), lane]);
    }
    for (const [leader, lanes] of groups) this.#sendTo(leader, lanes);
    if (isStuck) void this.#recover();
    this.#watch();
    this.#noteIdle();
  }

  /** Looks from time to time, as long as there is something, whether it waits too long. */
  #watch(): void {
    if (this.#watching !== undefined || this.#waiting.size === 0) return;
    this.#watching = setTimeout(() => {
      this.#watching = undefined;
      this.#expire();
      this.#pump();
      this.#watch();
    }, EXPIRE_MS);
  }

  #hasIdFor(lane: ProducerLane): boolean {
    if (this.#id !== undefined && lane.isSpent(this.#id)) this.#id = undefined;
    return this.#id !== undefined;
  }

  #sendTo(leader: number, lanes: readonly ProducerLane[]): void {
    const { requestsInFlightMax, requestBytesMax, batchBytesMax } = this.#params.settings;
    const underWay = this.#underWay.get(leader) ?? 0;
    if (underWay >= requestsInFlightMax) return;
    const taken: ProducerLane[] = [];
    let bytes = 0;
    for (const lane of lanes) {
      bytes += Math.min(lane.bytes, batchBytesMax);
      if (taken.length > 0 && bytes > requestBytesMax) break;
      lane.isBusy = true;
      taken.push(lane);
      // To the end of the line, so that each gets its turn.
      this.#waiting.delete(lane);
      this.#waiting.add(lane);
    }
    this.#underWay.set(leader, underWay + 1);
    void this.#send(leader, taken).finally(() => {
      this.#underWay.set(leader, this.#underWay.get(leader)! - 1);
      for (const lane of taken) lane.isBusy = lane.isSent = false;
      this.#expire();
      this.#pump();
    });
  }

  /** Never rejects: what went wrong is in the lanes. */
  async #send(leader: number, lanes: readonly ProducerLane[]): Promise<void> {
    const { cluster, settings } = this.#params;
    const sent = await this.#form(lanes);
    // Closed while it was encoded: what is in it is rejected as soon as this ends.
    if (sent.size === 0 || this.#state === 'closed') return;
    let wasSent = false;
    try {
      const link = await cluster.link(leader, 'produce');
      for (const [lane, batch] of sent) {
        // Given up while there was no connection.
        if (lane.batch !== batch) sent.delete(lane);
        else lane.isSent = true;
      }
      if (sent.size === 0) return;
      const { knowsTopicsById: byId } = link;
      const batches = [...sent].map(([lane, { bytes }]) => ({ ...this.#place(lane), bytes }));
      // The broker should give up before we do, to be able to say so.
      const timeoutMs = Math.ceil(settings.requestMs * 0.8);
      const request = produceRequest(batches, { byId, timeoutMs });
      wasSent = true;
      const answer = readProduced(await link.send(request, settings.requestMs), { byId });
      const answers = new Map(answer.map((one) => [`${one.topic}/${one.partition}`, one]));
      this.#settle(sent, (lane) => {
        return answers.get(`${producedTopic(this.#place(lane), { byId })}/${lane.partition}`);
      });
    } catch (error) {
      for (const [lane, batch] of sent) {
        if (lane.batch === batch) retryLater(lane, error, wasSent);
      }
    }
  }

  #settle(
    sent: ReadonlyMap<ProducerLane, LaneBatch>,
    answerOf: (lane: ProducerLane) => ProducedBatch | undefined,
  ): void {
    for (const [lane, batch] of sent) {
      // Given up meanwhile, by closing.
      if (lane.batch !== batch) continue;
      const one = answerOf(lane);
      if (one === undefined) retryLater(lane, new Error('the answer leaves it out'), true);
      else applyAnswer(lane, one, this.#params);
    }
  }

  #place({ topic, partition }: ProducerLane): {
    topic: string;
    topicId: string;
    partition: number;
  } {
    const { cluster } = this.#params;
    return { topic: cluster.topics[topic], topicId: cluster.idOf(topic)!, partition };
  }

  /** The batch of each lane to send now: a new one, or again the last. */
  async #form(lanes: readonly ProducerLane[]): Promise<Map<ProducerLane, LaneBatch>> {
    const { clock, settings, log } = this.#params;
    const id = this.#id;
    const how = {
      bytesMax: settings.batchBytesMax,
      timestampMs: Math.floor(clock.nowUs() / 1000),
      compression: settings.compression,
    };
    const formed = new Map<ProducerLane, LaneBatch>();
    for (const lane of lanes) {
      try {
        const batch = lane.batch ?? (id === undefined ? undefined : await lane.form(id, how));
        if (batch !== undefined) formed.set(lane, batch);
      } catch (error) {
        logNotEncoded(log, lane, error);
      }
    }
    return formed;
  }

  /**
   * Asks who leads what, and for a producer id, as long as a lane waits for it. Once at a time,
   * with a pause: `#expire` ends the waiting of those that waited too long.
   */
  async #recover(): Promise<void> {
    if (this.#isRecovering) return;
    this.#isRecovering = true;
    const { cluster, sleep, log } = this.#params;
    try {
      await cluster.refresh();
      if (this.#id === undefined) await this.#obtainId();
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      log.debug({ error: errorText(error) }, 'Kafka could not be asked who leads what.');
      this.#lastError = error;
      this.#failures += 1;
    }
    this.#expire();
    this.#pump();
    await sleep(Math.min(RECOVER_MS_MAX, RECOVER_MS * 2 ** Math.min(this.#failures, 8)));
    this.#isRecovering = false;
    this.#pump();
  }

  async #obtainId(): Promise<void> {
    const { cluster, settings } = this.#params;
    const link = await cluster.anyLink();
    const protocol = requests.InitProducerId.protocol({ version: 1 });
    const asked = protocol({ transactionalId: null, transactionTimeout: 60_000 });
    const { producerId, producerEpoch } = await link.ask(asked, settings.requestMs);
    this.#id = { producerId: Number(producerId), epoch: producerEpoch };
  }

  /** Rejects what waits too long already, and everything of a topic that was made again. */
  #expire(): void {
    const beforeMs = performance.now() - this.#params.settings.appendMs;
    for (const lane of this.#waiting) {
      if (lane.isSent) continue;
      if (this.#state === 'closed') this.#reject(lane, Infinity, closedStream(lane.where));
      const replaced = this.#params.cluster.replacedError(lane.topic);
      if (replaced !== undefined) this.#reject(lane, Infinity, replaced);
      else if ((lane.oldestMs ?? Infinity) <= beforeMs) this.#reject(lane, beforeMs);
    }
  }

  #reject(lane: ProducerLane, beforeMs: number, error?: Error): void {
    const { batch } = lane;
    const { cluster } = this.#params;
    const last = batch?.error ?? this.#lastError ?? cluster.whyNoLeader(lane.topic);
    if (batch !== undefined) lane.abandon(error ?? failedAppend(lane, last));
    lane.rejectQueued(beforeMs, () => error ?? failedAppend(lane, last));
  }

  #noteIdle(): void {
    const isWorking = (lane: ProducerLane): boolean => lane.hasWork || lane.isBusy;
    if (this.#state !== 'closed' && [...this.#waiting].some(isWorking)) return;
    for (const done of this.#idle.splice(0)) done();
  }
}

/** What it uses of a cluster. */
type ProduceCluster = Pick<
  KafkaCluster,
  'topics' | 'idOf' | 'leaderOf' | 'replacedError' | 'checkSame' | 'whyNoLeader'
> & {
  refresh(): Promise<unknown>;
  link(node: number, use: LinkUse): Promise<Pick<BrokerLink, 'send' | 'knowsTopicsById'>>;
  anyLink(): Promise<Pick<BrokerLink, 'ask'>>;
};

export type ProduceSenderParams = Readonly<{
  cluster: ProduceCluster;
  partitions: number;
  clock: Clock;
  log: Log;
  sleep: (ms: number) => Promise<void>;
  settings: KafkaSettings;
}>;
