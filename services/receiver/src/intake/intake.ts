import type { Clock } from '@millrace/runtime';
import {
  checkLabels,
  decodeBatch,
  decodePush,
  decodeWriteRequest,
  REDRIVE_PROTOCOL,
  uncompressSnappy,
  type IdentityKindName,
  type PushFormat,
  type TimeUnit,
} from '@millrace/wire';
import type { Append, Appender } from './appender.ts';
import { ArrivalClock } from '../requests/arrival-clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { ReceiverEvents } from '../events.ts';
import { BatchRequest } from '../requests/batch-request.ts';
import { BatchSessions } from '../requests/batch-sessions.ts';
import { requestIdentity, type ProducerIdentity } from '../requests/identity.ts';
import type { Lease } from './in-flight-bytes.ts';
import { OverloadError } from '../overload-error.ts';
import type { CutRequest, PartCutter } from '../parts/part-cutter.ts';
import { PushRequest } from '../requests/push-request.ts';
import { readRedrivenSample } from '../requests/redriven-sample.ts';
import { Rejections, type RejectedSamples } from '../requests/rejections.ts';
import { RemoteWriteRequest } from '../requests/remote-write-request.ts';
import { RequestDraft } from '../requests/request-draft.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { TenantCutters } from '../parts/tenant-cutters.ts';
import type { TokenPosition } from '../token.ts';

export type Protocol =
  `events.${PushFormat}` | 'batch.v1' | 'remote_write.v1' | typeof REDRIVE_PROTOCOL;

/** What a producer sends: its samples are the sender's own. */
export interface PushedRequest {
  protocol: Exclude<Protocol, typeof REDRIVE_PROTOCOL>;
  /** Of remote write the snappy block, of the others what was sent without its encoding. */
  body: Uint8Array;
  producer: ProducerIdentity | undefined;
  /** Of a batch: whose it is; undefined: the sender's own. */
  tenant?: string | undefined;
  /** Of a batch: its sender says that all of its times are meant as they are. */
  isUnitKnown?: boolean;
}

/** A dead letter that is sent again. */
export interface RedriveRequest extends Omit<PushedRequest, 'protocol'> {
  protocol: typeof REDRIVE_PROTOCOL;
  /** Whose it is; undefined: the sender's own. */
  tenant: string | undefined;
}

export type ReceivedRequest = PushedRequest | RedriveRequest;

export type IncomingRequest = ReceivedRequest & {
  /** Holds the body's bytes; the intake hands it on to what the body becomes. */
  lease: Lease;
};

/** What became of a request that could be understood. Nothing accepted: nothing was appended. */
export interface Receipt {
  accepted: number;
  rejected: readonly RejectedSamples[];
  identity: IdentityKindName;
  /** Where the request's last record of each partition ends. */
  positions: readonly TokenPosition[];
}

interface Admitted {
  receipt: Omit<Receipt, 'positions'>;
  append: Append;
  decodedBytes: number;
  exemplarsDropped: number;
}

interface Decoded {
  /** Decompressed. */
  body: Uint8Array;
  producer: ProducerIdentity | undefined;
  /** Wants to know how the request was cut. */
  onCut?: ((cut: CutRequest) => void) | undefined;
}

/** Of times that are bare numbers; the JSON ways in look at theirs where they are read. */
function unitOf({ protocol, isUnitKnown }: ReceivedRequest): TimeUnit | undefined {
  if (protocol === 'remote_write.v1') return 'milliseconds';
  return protocol === 'batch.v1' && isUnitKnown !== true ? 'microseconds' : undefined;
}

/** Beyond it the buffer for decompressed bodies is not kept for the next request. */
const SCRATCH_BYTES_KEPT_MAX = 8 * 1024 * 1024;

/** What happens to a request's bytes: decode → admit → route → append. */
export class Intake {
  readonly #settings: ReceiverSettings;
  readonly #tenant: string;
  readonly #cutters: TenantCutters;
  readonly #appender: Appender;
  readonly #arrivals: ArrivalClock;
  readonly #events: ReceiverEvents;
  readonly #logIds: readonly (string | undefined)[];
  readonly #deadlines: Deadlines;
  readonly #sessions: BatchSessions;
  #scratch: Uint8Array = new Uint8Array(0);

  constructor(
    params: Readonly<{
      clock: Clock;
      settings: ReceiverSettings;
      /** How long a sender waits for the log. */
      deadlines: Deadlines;
      tenant: string;
      cutters: TenantCutters;
      appender: Appender;
      events: ReceiverEvents;
      /** The log's id in each partition, where it is known. */
      logIds: readonly (string | undefined)[];
    }>,
  ) {
    this.#settings = params.settings;
    this.#tenant = params.tenant;
    this.#cutters = params.cutters;
    this.#appender = params.appender;
    this.#arrivals = new ArrivalClock(params.clock);
    this.#events = params.events;
    this.#logIds = params.logIds;
    const { table } = params.cutters.of(params.tenant).series;
    this.#sessions = new BatchSessions({ table, settings: params.settings });
    this.#deadlines = params.deadlines;
  }

  /** Throws RECEIVER_OVERLOADED while the log is so slow that more requests would only pile up. */
  checkAge(): void {
    const { oldestMs } = this.#appender;
    if (oldestMs <= this.#settings.appendAgeMsMax) return;
    throw new OverloadError('append_age', `the log has not flushed for ${Math.round(oldestMs)} ms`);
  }

  /**
   * Resolves once every admitted sample is durable.
   *
   * @throws DecodeError when the request is refused as a whole, a transient MillraceError when
   *   it is to be sent again.
   */
  async receive(request: IncomingRequest): Promise<Receipt> {
    const admitted = this.#admit(request);
    // Not here: what waits for the log holds its arguments, and the body is free by now. Bodies
    // that wait are taken for old by the collector, which has to look for them in the whole heap.
    return this.#acknowledged(request.protocol, admitted);
  }

  async #acknowledged(protocol: Protocol, admitted: Admitted): Promise<Receipt> {
    const { receipt, append, decodedBytes: bytes, exemplarsDropped } = admitted;
    const appended = await this.#durable(append);
    const { accepted, rejected } = receipt;
    this.#events.acknowledged({ protocol, bytes, accepted, rejected, exemplarsDropped });
    const positions = new Map<number, TokenPosition>();
    for (const { partition, position } of appended) {
      const last = positions.get(partition)?.position ?? 0;
      const logId = this.#logIds[partition];
      positions.set(partition, { partition, position: Math.max(last, position), logId });
    }
    return { ...receipt, positions: [...positions.values()] };
  }

  /**
   * Synchronous from the first byte to the last append: the columns that are filled, the
   * buffer that is decompressed into and the numbering of records belong to one request at a time.
   */
  #admit(request: IncomingRequest): Admitted {
    const { lease } = request;
    const tenant = this.#tenantOf(request);
    const rejections = new Rejections({
      examplesMax: this.#settings.rejectedExamplesMax,
      exampleLengthMax: this.#settings.rejectedExampleLengthMax,
    });
    const receivedAtUs = this.#arrivals.nowUs();
    const cutter = this.#cutters.of(tenant);
    const latestUs = receivedAtUs + this.#settings.futureSkewMs * 1000;
    const unit = unitOf(request);
    const draft = new RequestDraft({ cutter, rejections, latestUs, unit });
    // A letter's labels are read where it is, whatever is remembered of its series; and of other
    // tenants little is remembered.
    const definesAll = request.protocol === REDRIVE_PROTOCOL || tenant !== this.#tenant;
    cutter.begin({ nowUs: receivedAtUs, definesAll });
    try {
      this.checkAge();
      const { body, producer, onCut } = this.#decode(request, { draft, cutter, receivedAtUs });
      const identity = requestIdentity({
        tenant,
        producer,
        samplesAreIdentified: draft.samplesAreIdentified,
        body: request.body,
      });
      const cut = cutter.finish();
      onCut?.(cut);
      const append = this.#appender.append(cut, {
        tenant,
        protocol: request.protocol,
        identityKind: identity.kind,
        identity: identity.bytes,
        receivedAtUs,
      });
      // From here on the body is free, and the records are what is held.
      lease.set(cut.owned ? Math.max(body.length, append.bytes) : append.bytes);
      void append.settled.then(() => lease.release());
      const receipt = {
        accepted: draft.accepted,
        rejected: rejections.list(),
        identity: identity.name,
      };
      const { exemplarsDropped } = draft;
      return { receipt, append, decodedBytes: body.length, exemplarsDropped };
    } catch (error) {
      lease.release();
      throw error;
    } finally {
      cutter.series.rest();
    }
  }

  #tenantOf(request: ReceivedRequest): string {
    return request.tenant ?? this.#tenant;
  }

  /** Decodes into the draft. */
  #decode(
    request: IncomingRequest,
    into: Readonly<{ draft: RequestDraft; cutter: PartCutter; receivedAtUs: number }>,
  ): Decoded {
    const { body, producer, protocol } = request;
    const { draft, cutter, receivedAtUs } = into;
    const { labelLimits, histogramBytesMax } = this.#settings;
    const { seriesByLabels: series } = cutter;
    const arrivals = this.#arrivals;
    switch (protocol) {
      case 'remote_write.v1': {
        const { decodedBytesMax } = this.#settings;
        const plain = cutter.series.uncompress(body, decodedBytesMax) ?? this.#uncompress(body);
        const sink = new RemoteWriteRequest({ draft, cutter, labelLimits, histogramBytesMax });
        decodeWriteRequest(plain, sink);
        return { body: plain, producer, onCut: (cut) => sink.cut(cut) };
      }
      case 'batch.v1': {
        const batch = decodeBatch(body);
        const { sequence, session } = batch;
        const sessions = this.#sessionsOf(request, cutter);
        const taking = { draft, sessions, series: cutter.series, labelLimits };
        const onCut = new BatchRequest(taking).take(batch);
        return {
          ...{ body, onCut },
          producer: { kind: 'sequence', producer: batch.producer, session, sequence },
        };
      }
      case REDRIVE_PROTOCOL:
        this.#readLetter(body, new PushRequest({ draft, series, arrivals, receivedAtUs }));
        return { body, producer };
      case 'events.json':
      case 'events.ndjson':
      case 'events.msgpack': {
        const sink = new PushRequest({ draft, series, arrivals, receivedAtUs });
        decodePush(body, formatOf(protocol), sink, labelLimits);
        return { body, producer };
      }
    }
  }

  /** Of another tenant nothing is remembered: each batch tells all its series. */
  #sessionsOf(request: ReceivedRequest, cutter: PartCutter): BatchSessions {
    if (this.#tenantOf(request) === this.#tenant) return this.#sessions;
    return new BatchSessions({ table: cutter.series.table, settings: this.#settings });
  }

  /** Its labels were admitted once, perhaps under other limits. */
  #readLetter(body: Uint8Array, sink: PushRequest): void {
    const letter = readRedrivenSample(body);
    const fault = checkLabels(letter.labels, this.#settings.labelLimits);
    if (fault === undefined) sink.redriven(0, letter);
    else sink.reject(0, fault.reason, fault.detail);
  }

  #uncompress(block: Uint8Array): Uint8Array {
    const body = uncompressSnappy(block, this.#settings.decodedBytesMax, this.#scratch);
    if (body.buffer !== this.#scratch.buffer && body.buffer.byteLength <= SCRATCH_BYTES_KEPT_MAX) {
      this.#scratch = new Uint8Array(body.buffer);
    }
    return body;
  }

  /** The append's outcome, or a transient error when it takes too long. */
  async #durable(append: Append): ReturnType<() => Append['durable']> {
    const { ms } = this.#deadlines;
    const late = (): Error => {
      append.abandoned = true;
      return new OverloadError('append_age', `the log has not flushed for ${ms} ms`);
    };
    return await this.#deadlines.within(append.durable, late);
  }
}

function formatOf(protocol: `events.${PushFormat}`): PushFormat {
  return protocol.slice('events.'.length) as PushFormat;
}
