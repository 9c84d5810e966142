import type { Clock } from '@millrace/runtime';
import type { StatePlaces, StateStore } from '@millrace/state';
import type { Store } from '@millrace/store';
import {
  TOPIC_CONTROL,
  type PartitionReader,
  type Producer,
  type Stream,
  type Topic,
} from '@millrace/stream';
import { simulatedFault, type FaultRates } from './faults.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** What all processes of one world share. */
export interface WorldParts {
  clock: Clock;
  random: Random;
  trace: Trace;
  /** Told of what goes on behind everybody's back, and when it is over. */
  onBackground: (work: Promise<unknown>) => void;
}

interface ProcessParts extends WorldParts {
  rates: FaultRates;
  /** By how much its clock is ahead. */
  skewUs: number;
}

/**
 * A process that can die between any two awaits: every call it makes goes through here, and once
 * it is dead none ever comes back, as if the machine had stopped there. It can also stand still
 * for minutes and then go on, without noticing.
 */
export class MortalProcess {
  readonly name: string;
  rates: FaultRates;
  readonly #parts: ProcessParts;
  /** The last append of each partition: they become durable in the order of the calls. */
  readonly #lanes = new Map<string, Promise<unknown>>();
  #dead = false;
  #onDeath: () => void = () => undefined;
  readonly #death: Promise<void>;
  #frozen: Promise<void> | undefined;

  constructor(name: string, parts: ProcessParts) {
    this.name = name;
    this.rates = parts.rates;
    this.#parts = parts;
    this.#death = new Promise((resolve) => (this.#onDeath = resolve));
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#note('dies');
    this.#onDeath();
  }

  whenDead(): Promise<void> {
    return this.#death;
  }

  /** Stands still: nothing it waits for comes back before. */
  freeze(ms: number): void {
    if (this.#frozen !== undefined) return;
    this.#note(`stands still for ${ms} ms`);
    this.#frozen = this.#parts.clock.sleep(ms).then(() => {
      this.#frozen = undefined;
      this.#note('goes on');
    });
  }

  /** Something it is asked for from outside. */
  act<T>(call: () => Promise<T>): Promise<T> {
    return this.#alive(call);
  }

  get clock(): Clock {
    const { clock, skewUs } = this.#parts;
    return {
      nowUs: () => clock.nowUs() + skewUs,
      sleep: (ms, signal) => this.#alive(() => clock.sleep(ms, signal)),
    };
  }

  stream(stream: Stream): Stream {
    return {
      partitions: stream.partitions,
      producer: () => this.#producer(stream),
      reader: (topic, partition, position) => {
        const reader = stream.reader(topic, partition, position);
        // Whoever waits for rules is woken when there are some: it only looks less often.
        return this.#reader(reader, topic === TOPIC_CONTROL ? 20 : 1);
      },
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

  /** States of jobs. */
  places(places: StatePlaces): StatePlaces {
    return {
      at: async (place) => {
        const held = await this.#call(`place ${place}`, () => places.at(place));
        return {
          ...this.state(held),
          readPosition: (partition) =>
            this.#call(`position ${place} ${partition}`, () => held.readPosition(partition)),
        };
      },
      remove: (place, partitions) =>
        this.#call(`remove ${place}`, () => places.remove(place, partitions)),
      close: () => places.close(),
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

  #producer(stream: Stream): Producer {
    const producer = stream.producer();
    // What appears later does so whatever became of the one that sent it.
    const later = stream.producer();
    return {
      append: (topic, partition, payload) =>
        this.#append(producer, later, { topic, partition, payload }),
      close: () => producer.close(),
    };
  }

  async #append(
    producer: Producer,
    later: Producer,
    { topic, partition, payload }: { topic: Topic; partition: number; payload: Uint8Array },
  ): ReturnType<Producer['append']> {
    const lane = `${topic} ${partition}`;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const append = (): ReturnType<Producer['append']> => producer.append(topic, partition, payload);
    const what = `append ${lane} ${payload.length}`;
    const done = before.then(async () => {
      if (!this.#parts.random.chance(this.rates.late)) return await this.#do(what, append);
      // A copy: when the call has failed the caller may use its bytes again.
      const copy = payload.slice();
      const delayMs = this.#parts.random.int(this.rates.lateMsMax);
      this.#note(`${what} appears ${delayMs} ms later`);
      const appearing = this.#parts.clock
        .sleep(delayMs)
        .then(async () => await later.append(topic, partition, copy));
      this.#parts.onBackground(appearing);
      throw simulatedFault(`${what} took too long`);
    });
    this.#lanes.set(
      lane,
      done.catch(() => undefined),
    );
    return await this.#answer(what, done);
  }

  #reader(reader: PartitionReader, patience: number): PartitionReader {
    return {
      get end() {
        return reader.end;
      },
      next: (params) => {
        const waitMs = params.waitMs * patience;
        return this.#read('next', () => reader.next({ ...params, waitMs }));
      },
      close: () => reader.close(),
    };
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    return await this.#answer(what, this.#do(what, call));
  }

  /** What happens before and while it is done. */
  async #do<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#dead) return await never();
    const { rates } = this;
    const { random, clock } = this.#parts;
    this.#note(what);
    if (random.chance(rates.slow))
      await this.#alive(() => clock.sleep(random.int(rates.slowMsMax)));
    if (random.chance(rates.crash)) return await this.#crash();
    if (random.chance(rates.fail)) throw simulatedFault(`${what} failed`);
    if (random.chance(rates.twice)) await this.#alive(call);
    return await this.#alive(call);
  }

  /** What happens to the answer. */
  async #answer<T>(what: string, done: Promise<T>): Promise<T> {
    const answer = await done;
    if (this.#dead) return await never();
    const { rates } = this;
    const { random, clock } = this.#parts;
    if (random.chance(rates.slow))
      await this.#alive(() => clock.sleep(random.int(rates.slowMsMax)));
    if (random.chance(rates.crash)) return await this.#crash();
    if (random.chance(rates.lostAnswer)) throw simulatedFault(`the answer of ${what} was lost`);
    return answer;
  }

  /** A read changes nothing: it comes back, or fails, and is done again. */
  async #read<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#dead) return await never();
    if (this.#parts.random.chance(this.rates.fail / 10)) throw simulatedFault(`${what} failed`);
    return await this.#alive(call);
  }

  async #crash<T>(): Promise<T> {
    this.die();
    return await never();
  }

  async #alive<T>(call: () => Promise<T>): Promise<T> {
    await this.#thawed();
    if (this.#dead) return await never();
    const settled = await call().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await this.#thawed();
    if (this.#dead) return await never();
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  async #thawed(): Promise<void> {
    let frozen = this.#frozen;
    while (frozen !== undefined) {
      await frozen;
      frozen = this.#frozen;
    }
  }

  #note(what: string): void {
    this.#parts.trace.note(this.#parts.clock.nowUs(), `${this.name} ${what}`);
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
