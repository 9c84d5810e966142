import { errorText, MillraceError, type Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Producer } from '@millrace/stream';
import { encodeDataRecord, EventsRecordKind, type DataRecord } from '@millrace/wire';
import { AgeOrder, type Aging } from '../parts/age-order.ts';
import type { ReceiverEvents } from '../events.ts';
import type { DraftPart } from '../parts/part-builder.ts';
import type { CutRequest } from '../parts/part-cutter.ts';
import { PayloadRoom } from './payload-room.ts';
import type { TokenPosition } from '../token.ts';

/** What all parts of a request have in common. */
export type RequestHeader = Pick<
  DataRecord,
  'tenant' | 'protocol' | 'identityKind' | 'identity' | 'receivedAtUs'
>;

export type AppendedPosition = Omit<TokenPosition, 'logId'>;

/** Parts of one request on their way into the log. */
export interface Append {
  /** Resolves when every part is durable; rejects RECEIVER_NOT_APPENDED when one is not. */
  durable: Promise<AppendedPosition[]>;
  /** Resolves when no part is under way any more, however it ended. */
  settled: Promise<void>;
  /** Bytes of the records that were appended so far. */
  bytes: number;
  /** Nobody waits any more: parts whose append did not start stay out of the log. */
  abandoned: boolean;
}

/** How the append of one part ended. */
type Outcome = AppendedPosition | { failure: unknown };

/** A part whose append has not ended; without a payload it could not be encoded. */
interface UnderWay extends Aging<UnderWay> {
  readonly startUs: number;
  payload: Uint8Array | undefined;
}

interface Lane {
  sequence: number;
  cumulativeSamples: number;
  /** Of those, the ones known to be durable, and the lowest offset of their records; -1: none. */
  acknowledgedSamples: number;
  acknowledgedFrom: number;
  /** Position behind the last record that became durable. */
  position: number;
}

/**
 * Appends parts to their partitions and numbers them: consecutively for each partition, in the
 * order of the appends, so that the log can tell a re-append from a new record and a hole from
 * none. A part that failed keeps its number, because it may still appear.
 */
export class Appender {
  readonly #producer: Producer;
  readonly #clock: Clock;
  readonly #receiver: string;
  readonly #appendBytesMax: number;
  readonly #events: ReceiverEvents;
  readonly #lanes: readonly Lane[];
  readonly #payloads = new PayloadRoom();
  readonly #underWay = new AgeOrder<UnderWay>();
  #underWayBytes = 0;
  #lastFailure: { atUs: number; error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(
    params: Readonly<{
      producer: Producer;
      clock: Clock;
      /** The instance: random, 8 bytes as hex. */
      receiver: string;
      partitions: number;
      appendBytesMax: number;
      events: ReceiverEvents;
    }>,
  ) {
    this.#producer = params.producer;
    this.#clock = params.clock;
    this.#receiver = params.receiver;
    this.#appendBytesMax = params.appendBytesMax;
    this.#events = params.events;
    this.#lanes = Array.from({ length: params.partitions }, () => ({
      sequence: 0,
      cumulativeSamples: 0,
      acknowledgedSamples: 0,
      acknowledgedFrom: -1,
      position: 0,
    }));
  }

  /** How long the oldest append under way has been waiting; 0 when there is none. */
  get oldestMs(): number {
    const { oldest } = this.#underWay;
    return oldest === undefined ? 0 : (this.#clock.nowUs() - oldest.startUs) / 1000;
  }

  /** The last failed append, unless one has become durable since. */
  get lastFailure(): Readonly<{ atUs: number; error: unknown }> | undefined {
    return this.#lastFailure;
  }

  /** Position behind the last record of the partition that is known to be durable. */
  position(partition: number): number {
    return this.#lanes[partition]?.position ?? 0;
  }

  /** Tells where the partition ended before this instance appended to it. */
  startAt(partition: number, position: number): void {
    const lane = this.#lanes[partition]!;
    lane.position = Math.max(lane.position, position);
  }

  /**
   * Appends all parts at once; those of a request that was cut wait while too many bytes are
   * under way, so that one request cannot fill the log's own queue.
   */
  append(request: CutRequest, header: RequestHeader): Append {
    const append: Append = {
      durable: Promise.resolve([]),
      settled: Promise.resolve(),
      bytes: 0,
      abandoned: false,
    };
    const start = (draft: DraftPart): Promise<Outcome> => this.#appendPart(draft, header, append);
    // At once, before anything is awaited: drafts that are not owned are valid only until then.
    const outcomes = request.owned
      ? this.#appendSlowly(request.drafts, start, append)
      : Promise.all(request.drafts.map(start));
    append.durable = outcomes.then(positionsOf);
    append.settled = outcomes.then(() => undefined);
    return append;
  }

  async #appendSlowly(
    drafts: readonly DraftPart[],
    start: (draft: DraftPart) => Promise<Outcome>,
    append: Append,
  ): Promise<Outcome[]> {
    const started: Promise<Outcome>[] = [];
    for (const draft of drafts) {
      while (this.#underWayBytes > this.#appendBytesMax) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      if (append.abandoned) {
        started.push(Promise.resolve({ failure: abandoned() }));
        break;
      }
      started.push(start(draft));
    }
    return await Promise.all(started);
  }

  /**
   * Never rejects: an outcome that nobody awaits yet must not end the process. Each takes two
   * promises, the log's own and the one behind it: a request has several parts, and there are
   * thousands of them a second.
   */
  #appendPart(draft: DraftPart, header: RequestHeader, append: Append): Promise<Outcome> {
    const { partition, learned } = draft;
    const samples = draft.times.length;
    const under: UnderWay = {
      startUs: this.#clock.nowUs(),
      payload: undefined,
      older: undefined,
      younger: undefined,
    };
    let appended: ReturnType<Producer['append']>;
    try {
      const payload = this.#encode(draft, header);
      under.payload = payload;
      append.bytes += payload.length;
      this.#underWayBytes += payload.length;
      this.#underWay.add(under);
      appended = this.#producer.append(TOPIC_EVENTS, partition, payload);
    } catch (error) {
      return Promise.resolve(this.#failed(under, { error, partition, append }));
    }
    return appended.then(
      ({ offset }) => {
        this.#end(under);
        try {
          noteDurable(this.#lanes[partition]!, samples, offset);
          learned?.();
          this.#payloads.give(under.payload!);
          this.#lastFailure = undefined;
          this.#events.appended({ seconds: (this.#clock.nowUs() - under.startUs) / 1e6 });
          return { partition, position: offset + 1 };
        } catch (error) {
          return this.#failed(under, { error, partition, append });
        }
      },
      (error: unknown) => this.#failed(under, { error, partition, append }),
    );
  }

  /** Whoever is told of it may throw as well: it is a failure all the same. */
  #failed(
    under: UnderWay,
    { error, partition, append }: Readonly<{ error: unknown; partition: number; append: Append }>,
  ): Outcome {
    this.#end(under);
    append.abandoned = true;
    this.#lastFailure = { atUs: this.#clock.nowUs(), error };
    try {
      // The record may be on its way all the same, and appear later.
      if (under.payload !== undefined) this.#payloads.leave(under.payload);
      this.#events.appendFailed({ partition, error });
    } catch (thrown) {
      return { failure: new AggregateError([error, thrown], errorText(error)) };
    }
    return { failure: error };
  }

  /** First of all that is done when an append has ended, so that nothing can keep it from that. */
  #end(under: UnderWay): void {
    if (!this.#underWay.remove(under)) return;
    this.#underWayBytes -= under.payload?.length ?? 0;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Field by field: objects that are spread into one cost more than the record's bytes. */
  #encode(draft: DraftPart, header: RequestHeader): Uint8Array {
    const lane = this.#lanes[draft.partition]!;
    lane.sequence += 1;
    lane.cumulativeSamples += draft.times.length;
    const record: DataRecord = {
      kind: EventsRecordKind.data,
      tenant: header.tenant,
      protocol: header.protocol,
      identityKind: header.identityKind,
      identity: header.identity,
      part: draft.part,
      refused: draft.refused,
      receiver: this.#receiver,
      sequence: lane.sequence,
      cumulativeSamples: lane.cumulativeSamples,
      acknowledgedSamples: lane.acknowledgedSamples,
      acknowledgedFrom: lane.acknowledgedFrom,
      receivedAtUs: header.receivedAtUs,
      fingerprints: draft.fingerprints,
      kinds: draft.kinds,
      definitions: draft.definitions,
      seriesIndex: draft.seriesIndex,
      times: draft.times,
      values: draft.values,
      flags: draft.flags,
      ids: draft.ids,
      startTimes: draft.startTimes,
      histograms: draft.histograms,
      exemplars: draft.exemplars,
      metadata: draft.metadata,
    };
    return encodeDataRecord(record, this.#payloads.take);
  }
}

function noteDurable(lane: Lane, samples: number, offset: number): void {
  lane.position = Math.max(lane.position, offset + 1);
  if (samples === 0) return;
  const { acknowledgedFrom: from } = lane;
  lane.acknowledgedSamples += samples;
  lane.acknowledgedFrom = from < 0 ? offset : Math.min(from, offset);
}

function positionsOf(outcomes: readonly Outcome[]): AppendedPosition[] {
  return outcomes.map((outcome) => {
    if ('failure' in outcome) throw notAppended(outcome.failure);
    return outcome;
  });
}

function abandoned(): Error {
  return new Error('another part of the request failed, or took too long');
}

function notAppended(cause: unknown): MillraceError {
  return new MillraceError({
    code: 'RECEIVER_NOT_APPENDED',
    kind: 'transient',
    message:
      `The log did not take the whole request (${errorText(cause)}). It is not acknowledged; ` +
      'parts of it may be in the log.',
    remedy:
      'Send the same request again: with an Idempotency-Key, or samples that have times or ids, ' +
      'nothing counts twice.',
    cause,
  });
}
