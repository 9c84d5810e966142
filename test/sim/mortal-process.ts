import { createHash, type Hash } from 'node:crypto';
import { MillraceError, type Clock } from '@millrace/runtime';
import type { StateStore } from '@millrace/state';
import type { Store } from '@millrace/store';
import type { PartitionReader, Producer, Stream } from '@millrace/stream';
import type { Random } from './random.ts';

/** How often things go wrong, as shares of calls. */
export interface FaultRates {
  /** The call fails and did nothing. */
  fail: number;
  /** The call did what it should, and its answer is lost. */
  lostAnswer: number;
  /** The call is done twice (a retry inside a client library). */
  twice: number;
  slow: number;
  slowMsMax: number;
}

export const NO_FAULTS: FaultRates = { fail: 0, lostAnswer: 0, twice: 0, slow: 0, slowMsMax: 0 };

/** A hash over everything that happened: equal seeds must give equal ones. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  steps = 0;

  note(nowUs: number, what: string): void {
    this.steps += 1;
    this.#hash.update(`${nowUs} ${what}\n`);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

/**
 * A process that can die between any two awaits: every call it makes goes through `call`, and
 * once it is dead none ever comes back, as if the machine had stopped there.
 */
export class MortalProcess {
  readonly name: string;
  rates: FaultRates;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #trace: Trace;
  #dead = false;

  constructor(
    name: string,
    parts: Readonly<{ clock: Clock; random: Random; trace: Trace; rates: FaultRates }>,
  ) {
    this.name = name;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#trace = parts.trace;
    this.rates = parts.rates;
  }

  die(): void {
    this.#dead = true;
    this.#trace.note(this.#clock.nowUs(), `${this.name} dies`);
  }

  get clock(): Clock {
    return {
      nowUs: () => this.#clock.nowUs(),
      sleep: (ms, signal) => this.#alive(() => this.#clock.sleep(ms, signal)),
    };
  }

  stream(stream: Stream): Stream {
    return {
      partitions: stream.partitions,
      producer: () => this.#producer(stream.producer()),
      reader: (topic, partition, position) =>
        this.#reader(stream.reader(topic, partition, position)),
      bounds: (topic, partition) =>
        this.#read(`bounds ${topic} ${partition}`, () => stream.bounds(topic, partition)),
      release: (topic, partition, position) =>
        this.#alive(() => stream.release(topic, partition, position)),
      close: () => stream.close(),
    };
  }

  state(state: StateStore): StateStore {
    return {
      load: (partition) => this.#call(`load ${partition}`, () => state.load(partition)),
      commit: (commit) =>
        this.#call(`commit ${commit.partition} ${commit.next.position}`, () =>
          state.commit(commit),
        ),
      discardCorrupt: (partition) =>
        this.#call(`discard ${partition}`, () => state.discardCorrupt(partition)),
      close: () => state.close(),
    };
  }

  store(store: Store): Store {
    return {
      marks: (partition) => this.#call(`marks ${partition}`, () => store.marks(partition)),
      openMark: (key) => this.#call(`open mark ${key.partition}`, () => store.openMark(key)),
      apply: (batch) =>
        this.#call(`apply ${batch.key.partition} ${batch.to.offset}.${batch.to.ordinal}`, () =>
          store.apply(batch),
        ),
      flushedMarks: () => this.#call('flushed marks', () => store.flushedMarks()),
      close: () => store.close(),
    };
  }

  #producer(producer: Producer): Producer {
    return {
      append: (topic, partition, payload) =>
        this.#call(`append ${topic} ${partition} ${payload.length}`, () =>
          producer.append(topic, partition, payload),
        ),
      close: () => producer.close(),
    };
  }

  #reader(reader: PartitionReader): PartitionReader {
    return {
      get end() {
        return reader.end;
      },
      next: (params) => this.#read('next', () => reader.next(params)),
      close: () => reader.close(),
    };
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    const { rates } = this;
    this.#trace.note(this.#clock.nowUs(), `${this.name} ${what}`);
    if (this.#random.chance(rates.slow)) {
      await this.#alive(() => this.#clock.sleep(this.#random.int(rates.slowMsMax)));
    }
    if (this.#random.chance(rates.fail)) throw fault(`${what} failed`);
    if (this.#random.chance(rates.twice)) await this.#alive(call);
    const answer = await this.#alive(call);
    if (this.#random.chance(rates.lostAnswer)) throw fault(`the answer of ${what} was lost`);
    return answer;
  }

  /** A read changes nothing: it comes back, or fails, and is done again. */
  async #read<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#random.chance(this.rates.fail / 10)) throw fault(`${what} failed`);
    return this.#alive(call);
  }

  async #alive<T>(call: () => Promise<T>): Promise<T> {
    if (this.#dead) return never();
    const settled = await call().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (this.#dead) return never();
    if ('error' in settled) throw settled.error;
    return settled.value;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

function fault(message: string): MillraceError {
  return new MillraceError({ code: 'SIMULATED_FAULT', kind: 'transient', message });
}
