import { createReceiver, receiverSettings, type Receipt, type Receiver } from '@millrace/receiver';
import { createMeter, silentLog } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { DEFAULT_LABEL_LIMITS } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';
import type { SimRequest } from './workload.ts';

/** Small, so that requests are cut into several parts of a partition. */
const LABEL_LIMITS = {
  ...DEFAULT_LABEL_LIMITS,
  labelsMax: 4,
  nameBytesMax: 16,
  labelNameBytesMax: 16,
  labelValueBytesMax: 16,
};
const HISTOGRAM_BYTES_MAX = 64;

/** What all receivers of a world must agree on. */
export interface ReceiverPlan {
  partBytesMax: number;
  appendTimeoutMs: number;
  futureSkewMs: number;
  /** See `ReceiverSettings`; 0: every record defines all of its series. */
  definitionsBetweenMax: number;
}

interface LiveReceiver {
  process: MortalProcess;
  receiver: Receiver;
}

/** A request that was taken, and the samples of it that were. */
export interface TakenRequest {
  receipt: Receipt;
  latestUs: number;
}

/** The receivers that are there: production ones, asked from inside instead of through HTTP. */
export class ReceiverPool {
  readonly #start: () => MortalProcess;
  readonly #openStream: () => Stream;
  readonly #plan: ReceiverPlan;
  readonly #logIds: readonly string[];
  #live: LiveReceiver[] = [];
  #instances = 0;

  constructor(
    params: Readonly<{
      start: () => MortalProcess;
      openStream: () => Stream;
      plan: ReceiverPlan;
      logIds: readonly string[];
    }>,
  ) {
    this.#start = params.start;
    this.#openStream = params.openStream;
    this.#plan = params.plan;
    this.#logIds = params.logIds;
  }

  get processes(): readonly MortalProcess[] {
    return this.#live.map(({ process }) => process);
  }

  add(): void {
    const process = this.#start();
    this.#instances += 1;
    const receiver = createReceiver(
      {
        stream: process.stream(this.#openStream()),
        clock: process.clock,
        log: silentLog,
        meter: createMeter(),
        logIds: this.#logIds,
        instance: this.#instances.toString(16).padStart(16, '0'),
      },
      receiverSettings({
        ...this.#plan,
        labelLimits: LABEL_LIMITS,
        histogramBytesMax: HISTOGRAM_BYTES_MAX,
      }),
    );
    this.#live.push({ process, receiver });
  }

  crash(): void {
    this.#live[0]?.process.die();
  }

  /** Those that died are replaced as soon as somebody looks. */
  replaceDead(): void {
    const alive = this.#live.filter(({ process }) => !process.isDead);
    const lost = this.#live.length - alive.length;
    this.#live = alive;
    for (let i = 0; i < lost; i += 1) this.add();
  }

  /** Resolves with what is acknowledged; rejects when the request is to be sent again. */
  receive(which: number, request: SimRequest): Promise<TakenRequest> {
    const { process, receiver } = this.#live[which % this.#live.length]!;
    return process.act(async () => {
      const { protocol, body, producer } = request;
      // Admission is synchronous: this is the arrival's time.
      const latestUs = process.clock.nowUs() + this.#plan.futureSkewMs * 1000;
      return { latestUs, receipt: await receiver.receive({ protocol, body, producer }) };
    });
  }
}
