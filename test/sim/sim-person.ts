import { makeCheckpoint } from '@millrace/checkpoint';
import { errorKind, MillraceError } from '@millrace/runtime';
import { isCorruptState } from '@millrace/state';
import { MemoryStateStore, type MemoryStateDatabase } from '@millrace/state/memory';
import type { MemoryStoreDatabase } from '@millrace/store/memory';
import type { Stream } from '@millrace/stream';
import { describeState, restoreTo } from '@millrace/transformer';
import { WRITER_CODES } from '@millrace/writer';
import type { MortalProcess } from './mortal-process.ts';
import type { Random } from './random.ts';
import type { StagePool } from './stage-pool.ts';

interface SimPersonParts {
  start: () => MortalProcess;
  openStream: () => Stream;
  random: Random;
  state: MemoryStateDatabase;
  store: MemoryStoreDatabase;
  writers: StagePool;
  chunkBytesMax: number;
  onProblem: (problem: string) => void;
}

/** What the writer calls results that it needs and that nobody has. */
const MISSING: readonly string[] = [WRITER_CODES.gap, WRITER_CODES.expired];
/** Share of the moments at which somebody who was called for does something. */
const DILIGENCE = 0.2;

/** Who looks at what the stages say, and types commands beside them; one of them may die of it. */
export class SimPerson {
  readonly #parts: SimPersonParts;
  readonly #busy = new Set<number>();
  /** States put back because results were lost. */
  restores = 0;

  constructor(parts: SimPersonParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#busy.size === 0;
  }

  /** One moment: does what the writers ask for. */
  look(): void {
    const { random, writers } = this.#parts;
    for (const { partition, reason } of writers.statuses().flatMap((one) => one.partitions)) {
      if (reason === undefined || !MISSING.includes(reason.code)) continue;
      if (this.#busy.has(partition) || !random.chance(DILIGENCE)) continue;
      this.#busy.add(partition);
      void this.#alive((process) => this.#restore(process, partition)).then(() => {
        this.#busy.delete(partition);
      });
    }
  }

  /** `millrace checkpoint now`, beside whoever else makes one. */
  makeCheckpoint(partition: number): void {
    void this.#alive(async (process) => {
      const { openStream, state, chunkBytesMax } = this.#parts;
      const stream = process.stream(openStream());
      const sources = {
        state: process.state(new MemoryStateStore(state)),
        producer: stream.producer(),
        clock: process.clock,
        describe: describeState,
      };
      const { signal } = new AbortController();
      await makeCheckpoint(sources, { partition, signal, chunkBytesMax });
    });
  }

  /** `millrace checkpoint restore --at-most` what the store has. */
  async #restore(process: MortalProcess, partition: number): Promise<void> {
    const { openStream, state, onProblem } = this.#parts;
    const atMost = this.#mark(partition);
    const stream = process.stream(openStream());
    const store = process.state(new MemoryStateStore(state));
    const { signal } = new AbortController();
    const parts = { stream, state: store, partition, signal, onPassedOver: () => undefined };
    try {
      const { from, position } = await restoreTo(parts, atMost);
      if (position > atMost) onProblem(`partition ${partition} was put back above ${atMost}`);
      if (from !== 'state') this.restores += 1;
    } catch (error) {
      const isOver = this.#mark(partition) !== atMost;
      const code = error instanceof MillraceError ? error.code : '';
      // Somebody else was faster, and the log forgot what was not needed any more.
      if (code === 'TRANSFORMER_NO_WAY_BACK' && isOver) return;
      throw error;
    }
  }

  #mark(partition: number): number {
    const { marks } = this.#parts.store;
    const live = marks.find((one) => one.partition === partition && one.source === 'live');
    return live?.mark.offset ?? 0;
  }

  /** Until it is done, or its process died. */
  async #alive(act: (process: MortalProcess) => Promise<void>): Promise<void> {
    const { start, onProblem } = this.#parts;
    const process = start();
    const acting = act(process).catch((error: unknown) => {
      const kind = errorKind(error);
      // Of a damaged state no copy is made.
      const isExpected = kind === 'transient' || kind === 'outrun' || isCorruptState(error);
      if (!isExpected) onProblem(`a person: ${String(error)}`);
    });
    await Promise.race([acting, process.whenDead()]);
  }
}
