import { firstBarrierOf } from '@millrace/control';
import { openLog } from '@millrace/receiver';
import {
  MemoryPlacesDatabase,
  MemoryStateDatabase,
  MemoryStateStore,
  openMemoryStatePlaces,
} from '@millrace/state/memory';
import type { Store } from '@millrace/store';
import { MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryGroup, MemoryLog } from '@millrace/stream/memory';
import { TEST_LOG_ID, type TestSample } from '@millrace/transformer/testing';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { drain } from './drain.ts';
import { NO_FAULTS, type FaultRates } from './faults.ts';
import { LineCounts } from './line-counts.ts';
import { LogClock } from './log-clock.ts';
import { MortalProcess } from './mortal-process.ts';
import { Random } from './random.ts';
import { RecordedLog } from './recorded-log.ts';
import { ReceiverPool } from './receiver-pool.ts';
import { Senders } from './senders.ts';
import { beginControl, SimControl } from './sim-control.ts';
import { POISONED_PARTITION, SIM_PARTITIONS, type SimPlan } from './sim-plan.ts';
import { SimJob } from './sim-job.ts';
import { SimPerson } from './sim-person.ts';
import { StagePool, type StartedProcess } from './stage-pool.ts';
import { startTransformer, startWriter } from './start-stages.ts';
import { StoreCrash } from './store-crash.ts';
import { StoreOutage } from './store-outage.ts';
import type { SampleOrigin } from './log-oracle.ts';
import { Trace } from './trace.ts';
import { VirtualClock } from './virtual-clock.ts';
import { PublishedRanges, watchState, watchStore } from './watched-stores.ts';
import { WholeCheckpoints } from './whole-checkpoints.ts';
import { Workload } from './workload.ts';

/** What a transformer says of it. */
export const RESTORED: string =
  'The state was lost; a checkpoint took its place, and what follows it is folded again.';

const START_US = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;

/** Virtual time until every request is answered: some lie minutes in the future. */
const ANSWER_US_MAX = 1800 * SECOND_US;
const STEPS_MAX = 400_000;

/** Everything that outlives a process, and the processes that come and go on it. */
export class SimWorld {
  readonly plan: SimPlan;
  readonly partitions: readonly number[] = Array.from({ length: SIM_PARTITIONS }, (_, p) => p);
  readonly clock: VirtualClock = new VirtualClock(START_US);
  readonly trace: Trace = new Trace();
  readonly random: Random;
  readonly logClock: LogClock = new LogClock(this.clock);
  readonly log: RecordedLog;
  readonly database: MemoryStateDatabase = new MemoryStateDatabase();
  /** States of jobs that fold the past. */
  readonly places: MemoryPlacesDatabase = new MemoryPlacesDatabase();
  readonly store: MemoryStoreDatabase = new MemoryStoreDatabase();
  readonly outage: StoreOutage = new StoreOutage();
  /** What broke a stage for good: nothing that is injected may. */
  readonly failures: unknown[] = [];
  /** What was seen to be wrong on the way. */
  readonly problems: string[] = [];
  readonly transformers: StagePool;
  readonly writers: StagePool;
  readonly receivers: ReceiverPool;
  readonly control: SimControl;
  readonly jobs: SimJob[] = [];
  readonly lines: LineCounts = new LineCounts();
  readonly checkpoints: WholeCheckpoints;
  readonly person: SimPerson;
  /** States that a checkpoint took the place of when the log had no beginning any more. */
  restoredFromCut = 0;
  /** Partitions whose `metrics.series` was gone at some time. */
  readonly lostResults = new Set<number>();
  restoredStores = 0;
  /** By partition, the offset of a record that nobody can fold. */
  readonly poisonedAt: Map<number, number> = new Map();
  readonly #senders: Senders;
  readonly #workload: Workload;
  readonly #published: PublishedRanges;
  readonly #crash: StoreCrash = new StoreCrash();
  #rates: FaultRates;
  #names = 0;
  #inBackground = 0;

  constructor(plan: SimPlan) {
    this.plan = plan;
    this.random = new Random(plan.seed ^ 0x5eed);
    this.#rates = plan.faults;
    const of = { partitions: SIM_PARTITIONS, clock: this.logClock, settings: plan.stream };
    const { damaged } = plan.checkpoint;
    const { random } = this;
    this.log = new RecordedLog({
      log: new MemoryLog(of),
      damage: (topic, payload) => {
        if (topic !== TOPIC_CHECKPOINTS || this.#rates === NO_FAULTS) return undefined;
        return random.chance(damaged) ? random.int(payload.length) : undefined;
      },
    });
    const onProblem = (problem: string): void => void this.problems.push(problem);
    const flushed = (partition: number): number => this.#crash.flushedPosition(partition);
    this.checkpoints = new WholeCheckpoints(this.log, flushed, onProblem);
    this.log.onRelease = (topic, partition) => {
      if (topic !== TOPIC_SERIES) this.checkpoints.check(partition);
    };
    this.lines.onLine = (fields, message) => this.#noteLine(fields, message);
    this.#published = new PublishedRanges(this.log, SIM_PARTITIONS);
    const openStream = (): Stream => this.log.open();
    const onDefect = (error: unknown): void => void this.failures.push(error);
    const group = (): MemoryGroup | undefined =>
      plan.isGrouped
        ? new MemoryGroup({ partitions: SIM_PARTITIONS, clock: this.clock })
        : undefined;
    this.transformers = new StagePool({
      group: group(),
      onDefect,
      start: () => this.#startTransformer(),
    });
    this.writers = new StagePool({ group: group(), onDefect, start: () => this.#startWriter() });
    this.receivers = new ReceiverPool({
      start: () => this.#process('receiver'),
      openStream,
      plan: plan.receivers,
      logIds: this.partitions.map(() => TEST_LOG_ID),
    });
    const start = (): MortalProcess => this.#process('control');
    this.control = new SimControl({ start, openStream, random, onDefect }, plan.settings);
    const { clock, receivers } = this;
    this.#senders = new Senders({ clock, random, receivers, onDefect }, plan.senders);
    this.#workload = new Workload(random, plan.workload, START_US);
    this.person = new SimPerson({
      ...{ openStream, random, onProblem, writers: this.writers },
      ...{ state: this.database, store: this.store },
      start: () => this.#process('person'),
      chunkBytesMax: plan.checkpoint.chunkBytesMax,
    });
  }

  /** Whatever the store does not have yet of a partition is nowhere any more. */
  loseResults(partition: number): void {
    this.lostResults.add(partition);
    this.log.lose(TOPIC_SERIES, partition);
  }

  #noteLine(fields: object, message: string): void {
    if (message !== RESTORED || !('partition' in fields)) return;
    const { start } = this.log.bounds(TOPIC_EVENTS, Number(fields.partition));
    if (start > 0) this.restoredFromCut += 1;
  }

  /** A job begins beside what is live. */
  beginJob(): void {
    if (this.jobs.length > 0) return;
    const { random } = this;
    const start = (): MortalProcess => this.#process('job');
    const openStream = (): Stream => this.log.open();
    const openStore = (): Store => this.#openStore();
    const onDefect = (error: unknown): void => void this.failures.push(error);
    const parts = { start, openStream, openStore, random, onDefect };
    this.jobs.push(...this.partitions.map((partition) => new SimJob(parts, partition)));
  }

  /** The database crashes: what it had not flushed is gone. */
  crashStore(): void {
    this.#crash.crash(this.store);
  }

  /** A person keeps a copy of the database for later, … */
  dumpStore(): void {
    this.#crash.dump(this.store);
  }

  /** … and puts it back. */
  restoreStore(): void {
    if (this.#crash.restore(this.store)) this.restoredStores += 1;
  }

  /** Something that was broken is mended by a person, who takes his time. */
  mendLater(mend: () => void): void {
    const ms = 1000 * (1 + this.random.int(60));
    this.#goOnInBackground(this.clock.sleep(ms).then(mend));
  }

  get owed(): readonly string[] {
    return this.#senders.owed;
  }

  get sent(): readonly string[] {
    return this.#senders.sent;
  }

  get origin(): SampleOrigin {
    const mayBeUntold = (sample: TestSample): boolean => this.#workload.mayBeUntold(sample);
    return { mayBeUntold, stepUs: this.plan.workload.stepUs };
  }

  /** `fates`: what becomes of everything, and who looks after it. */
  async run(fates: Readonly<{ second: () => void; lookAfter: () => void }>): Promise<void> {
    await this.#setUp();
    this.receivers.add();
    this.receivers.add();
    this.transformers.add();
    this.writers.add();
    for (let second = 0; second < this.plan.activeSeconds; second += 1) {
      this.#senders.send(this.#workload.due(this.clock.nowUs()));
      fates.second();
      this.person.look();
      if (second === Math.floor(this.plan.activeSeconds / 2)) await this.#poison();
      await this.waitFor(this.clock.sleep(1000));
    }
    await this.#calmDown(fates.lookAfter);
    await drain(this);
  }

  async #poison(): Promise<void> {
    const { poison } = this.plan;
    if (poison === undefined) return;
    const producer = this.log.open().producer();
    const { offset } = await producer.append(TOPIC_EVENTS, POISONED_PARTITION, poison);
    this.poisonedAt.set(POISONED_PARTITION, offset);
  }

  /** Takes the process' share of what goes wrong; the rates may change while it lives. */
  #process(kind: string, rates = this.#rates): MortalProcess {
    this.#names += 1;
    const { random, plan } = this;
    const skewUs = rates === NO_FAULTS ? 0 : random.int(2 * plan.skewUsMax + 1) - plan.skewUsMax;
    return new MortalProcess(`${kind}-${this.#names}`, {
      clock: this.clock,
      random,
      trace: this.trace,
      onBackground: (work) => this.#goOnInBackground(work),
      rates,
      skewUs,
    });
  }

  #goOnInBackground(work: Promise<unknown>): void {
    this.#inBackground += 1;
    work
      .catch((error: unknown) => this.failures.push(error))
      .finally(() => {
        this.#inBackground -= 1;
      });
  }

  async #setUp(): Promise<void> {
    const stream = this.log.open();
    const producer = stream.producer();
    const { settings, foldVersion } = this.plan;
    const opening = beginControl({ stream, clock: this.clock }, settings, foldVersion);
    const { inForce } = await this.waitFor(opening);
    const first = encodeEventsRecord({ kind: EventsRecordKind.log, logId: TEST_LOG_ID });
    for (const partition of this.partitions) {
      await producer.append(TOPIC_EVENTS, partition, first);
    }
    await this.waitFor(openLog({ stream, barrier: firstBarrierOf(inForce, SIM_PARTITIONS) }));
  }

  #startTransformer(): StartedProcess {
    const process = this.#process('transformer');
    const { random, problems, plan } = this;
    const onProblem = (problem: string): void => void problems.push(problem);
    const stream = process.stream(this.log.open());
    const state = process.state(watchState(this.database, this.#published, onProblem));
    const partitions = this.#firstPartitions();
    const places = process.places(openMemoryStatePlaces(this.places));
    const { log } = this.lines;
    return {
      process,
      ...startTransformer({ process, stream, state, places, log, plan, random, partitions }),
    };
  }

  #startWriter(): StartedProcess {
    const process = this.#process('writer');
    const { plan } = this;
    const stream = process.stream(this.log.open());
    const store = process.store(this.#openStore());
    const positions = new MemoryStateStore(this.database);
    const partitions = this.#firstPartitions();
    const { log } = this.lines;
    const places = process.places(openMemoryStatePlaces(this.places));
    const parts = { process, stream, store, positions, places, log, plan, partitions };
    const stage = startWriter(parts);
    return { process, stage };
  }

  #openStore(): Store {
    const onProblem = (problem: string): void => void this.problems.push(problem);
    const store = watchStore(this.store, onProblem);
    return this.outage.wrap({
      ...store,
      flushedMarks: async () => {
        this.#crash.flush(this.store);
        return await store.flushedMarks();
      },
    });
  }

  /** With a group nobody owns anything before he is told. */
  #firstPartitions(): number[] {
    return this.plan.isGrouped ? [] : [...this.partitions];
  }

  /** Faults stop. What is under way comes to its end, and everybody answers. */
  async #calmDown(lookAfter: () => void): Promise<void> {
    this.#rates = NO_FAULTS;
    this.outage.end();
    for (const job of this.jobs) job.isCalm = true;
    this.logClock.offsetUs = 0;
    const { receivers, transformers, writers } = this;
    const pools = [receivers, transformers, writers];
    for (const { processes } of pools) {
      for (const process of processes) process.rates = NO_FAULTS;
    }
    this.#senders.send(this.#workload.rest(this.clock.nowUs()));
    const isOver = (): boolean => {
      lookAfter();
      this.person.look();
      const isQuiet =
        this.#inBackground === 0 &&
        this.control.isIdle &&
        this.person.isIdle &&
        this.jobs.every(({ isDone }) => isDone);
      const isAwake = pools.every(({ processes }) => processes.every(({ isFrozen }) => !isFrozen));
      return isQuiet && isAwake && this.#senders.unanswered === 0;
    };
    await this.until('requests were not answered', ANSWER_US_MAX, isOver);
    // Whoever is there goes on where it was; or others begin with what it left.
    const doOthersGoOn = this.random.chance(0.5);
    for (const pool of [transformers, writers]) {
      if (doOthersGoOn) pool.dieAll();
      pool.settle();
    }
  }

  /** Lets time pass until it is so; a problem when that takes longer than `usMax`. */
  async until(what: string, usMax: number, isDone: () => boolean): Promise<void> {
    const fromUs = this.clock.nowUs();
    for (let steps = 0; !isDone(); steps += 1) {
      // It failed already: nothing is worth waiting for.
      if (this.problems.length > 0) return;
      if (this.clock.nowUs() - fromUs > usMax || steps > STEPS_MAX) {
        const statuses = [...this.transformers.statuses(), ...this.writers.statuses()];
        const shown = JSON.stringify(statuses.flatMap(({ partitions }) => partitions));
        this.problems.push(`${what} in ${usMax / SECOND_US} s: ${shown}`);
        return;
      }
      this.person.look();
      // When nobody waits for anything, time goes on all the same.
      if (!(await this.clock.step())) this.clock.leap(SECOND_US);
    }
  }

  /** Lets time pass until it is over. */
  async waitFor<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = work.finally(() => (isOver = true));
    over.catch(() => undefined);
    for (let steps = 0; !isOver; steps += 1) {
      if (steps > STEPS_MAX) throw new Error('time stands still: somebody spins');
      await this.clock.step();
    }
    return await over;
  }
}
