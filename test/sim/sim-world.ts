import { createMeter, silentLog } from '@millrace/runtime';
import { MemoryStateDatabase, MemoryStateStore } from '@millrace/state/memory';
import { createMemoryStore, MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { logStart, type TestSample } from '@millrace/transformer/testing';
import { encodeEventsRecord, type BarrierRecord, type FoldSettings } from '@millrace/wire';
import { createWriter } from '@millrace/writer';
import { MortalProcess, NO_FAULTS, Trace, type FaultRates } from './mortal-process.ts';
import { Random } from './random.ts';
import { SimControl } from './sim-control.ts';
import { SIM_RULES } from './sim-rules.ts';
import { SimReceiver } from './sim-receiver.ts';
import { VirtualClock } from './virtual-clock.ts';
import { Workload, type SimRequest } from './workload.ts';

export const SIM_PARTITIONS = 2;
const START_US = 1_700_000_000_000_000;

/** Bounds whose reaching costs nothing but repeated definitions and more pieces. */
const TIGHT_BOUNDS: Partial<FoldSettings> = { piecesMax: 40, definitionsMax: 7, metadataMax: 1 };

export interface SimOptions {
  seed: number;
  requests: number;
  faults: FaultRates;
}

/** One process of each kind, as long as it lives. */
interface SimProcesses {
  transformers: MortalProcess[];
  writers: MortalProcess[];
  receiver: LiveReceiver;
  control: SimControl;
}

interface LiveReceiver {
  process: MortalProcess;
  receiver: SimReceiver;
}

/** Everything that outlives a process, and the processes that come and go on it. */
export class SimWorld {
  readonly clock = new VirtualClock(START_US);
  readonly trace = new Trace();
  readonly log: MemoryLog = new MemoryLog({ partitions: SIM_PARTITIONS, clock: this.clock });
  readonly database = new MemoryStateDatabase();
  readonly store = new MemoryStoreDatabase();
  /** What broke a stage for good: nothing that is injected may. */
  readonly failures: unknown[] = [];
  /** Every sample that was acknowledged to its sender. */
  readonly owed: TestSample[] = [];
  readonly #options: SimOptions;
  readonly #random: Random;
  #firstBarrier!: BarrierRecord;
  #names = 0;
  #unanswered = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<void> {
    const { faults, requests } = this.#options;
    await this.#setUp();
    const random = this.#random;
    const workload = new Workload(random, START_US);
    const live: SimProcesses = {
      transformers: [this.#startTransformer(faults)],
      writers: [this.#startWriter(faults)],
      receiver: this.#startReceiver(faults),
      control: this.#startControl(faults),
    };
    for (let sent = 0; sent < requests;) {
      if (this.#unanswered < 16) {
        this.#send(workload.next(), () => live.receiver);
        sent += 1;
      }
      await this.clock.sleepSteps(1 + random.int(6));
      this.#comeAndGo(live);
      if (random.chance(0.08)) live.control.change();
      if (random.chance(0.05)) live.control.complete();
    }
    live.receiver.process.rates = NO_FAULTS;
    await this.#until(() => this.#unanswered === 0 && live.control.isIdle);
    await this.#finishChanges(live.control);
    for (const process of [...live.transformers, ...live.writers]) process.die();
    // Slow ticks: the two hours until the widest windows are final take few steps.
    const last = [this.#startTransformer(NO_FAULTS, 60_000), this.#startWriter(NO_FAULTS)];
    await this.#untilDrained();
    for (const process of last) process.die();
  }

  /** A second owner, or a crash; the dead one's place is taken at once or much later. */
  #comeAndGo(live: SimProcesses): void {
    const random = this.#random;
    const { faults } = this.#options;
    if (random.chance(0.03)) {
      if (random.chance(0.5)) live.transformers.shift()?.die();
      live.transformers.push(this.#startTransformer(faults));
    }
    if (random.chance(0.03)) {
      if (random.chance(0.5)) live.writers.shift()?.die();
      live.writers.push(this.#startWriter(faults));
    }
    if (random.chance(0.02)) {
      live.receiver.process.die();
      live.receiver = this.#startReceiver(faults);
    }
  }

  async #setUp(): Promise<void> {
    const producer = openMemoryStream(this.log).producer();
    // Some runs reach bounds all the time: no one may lose or change anything by that.
    const settings = this.#random.chance(0.5) ? TIGHT_BOUNDS : {};
    const start = logStart(SIM_RULES, settings);
    this.#firstBarrier = start[1]!.record as BarrierRecord;
    for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
      for (const { record } of start) {
        await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(record));
      }
    }
  }

  /** Whatever barriers got lost: they are there in the end. */
  async #finishChanges(control: SimControl): Promise<void> {
    control.process.rates = NO_FAULTS;
    control.complete();
    await this.#until(() => control.isIdle);
  }

  #startControl(rates: FaultRates): SimControl {
    const process = this.#process('control', rates);
    const stream = openMemoryStream(this.log);
    const onDefect = (error: unknown): void => void this.failures.push(error);
    const [random, first] = [this.#random, this.#firstBarrier];
    return new SimControl({ process, stream, random, first, onDefect });
  }

  #process(kind: string, rates: FaultRates): MortalProcess {
    this.#names += 1;
    return new MortalProcess(`${kind}-${this.#names}`, {
      clock: this.clock,
      random: this.#random,
      trace: this.trace,
      rates,
    });
  }

  #startTransformer(rates: FaultRates, tickMs = 1000): MortalProcess {
    const process = this.#process('transformer', rates);
    const transformer = createTransformer(
      {
        stream: process.stream(openMemoryStream(this.log)),
        state: process.state(new MemoryStateStore(this.database)),
        clock: process.clock,
        log: silentLog,
        meter: createMeter(),
      },
      {
        ...DEFAULT_TRANSFORMER_SETTINGS,
        partitions: Array.from({ length: SIM_PARTITIONS }, (_, p) => p),
        tickMs,
        // Small and odd, so that runs differ in how they group what they put out.
        pollBytesMax: 500 + this.#random.int(4000),
        recordBytesMax: 300 + this.#random.int(3000),
        commitMs: 200 + this.#random.int(4000),
      },
    );
    transformer.run().catch((error: unknown) => this.failures.push(error));
    return process;
  }

  #startWriter(rates: FaultRates): MortalProcess {
    const process = this.#process('writer', rates);
    const writer = createWriter({
      stream: process.stream(openMemoryStream(this.log)),
      store: process.store(createMemoryStore(this.store)),
      clock: process.clock,
      log: silentLog,
      meter: createMeter(),
    });
    writer.run().catch((error: unknown) => this.failures.push(error));
    return process;
  }

  #startReceiver(rates: FaultRates): LiveReceiver {
    const process = this.#process('receiver', rates);
    const receiver = new SimReceiver(process, openMemoryStream(this.log), this.#names);
    return { process, receiver };
  }

  /** Sends until it is answered, each time to the receiver that is there then. */
  #send(request: SimRequest, current: () => LiveReceiver): void {
    this.#unanswered += 1;
    const attempt = async (): Promise<void> => {
      for (;;) {
        const { receiver } = current();
        const answered = await Promise.race([
          receiver.push(request).then(
            () => true,
            () => false,
          ),
          // A dead receiver never answers: the sender's timeout.
          this.clock.sleep(5000).then(() => false),
        ]);
        if (answered) break;
        await this.clock.sleep(this.#random.int(3000));
      }
      this.owed.push(...request.samples);
      this.#unanswered -= 1;
    };
    attempt().catch((error: unknown) => this.failures.push(error));
  }

  async #until(isDone: () => boolean): Promise<void> {
    for (let steps = 0; !isDone(); steps += 1) {
      if (steps > 200_000) throw new Error('the simulation does not come to an end');
      await this.clock.step();
    }
  }

  /** Liveness: with no more faults, everything is folded, finished and stored. */
  async #untilDrained(): Promise<void> {
    const untilUs = this.clock.nowUs() + 2 * 3600 * 1_000_000;
    await this.#until(() => this.clock.nowUs() > untilUs);
  }
}
