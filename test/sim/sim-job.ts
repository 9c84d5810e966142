import { ADDRESS_ZERO, fingerprintOf, type Piece } from '@millrace/model';
import { errorKind } from '@millrace/runtime';
import type { Store } from '@millrace/store';
import { TOPIC_SERIES, type Stream } from '@millrace/stream';
import { TEST_LOG_ID, TEST_TENANT } from '@millrace/transformer/testing';
import { EntryType, SeriesRecordBuilder } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';
import type { Random } from './random.ts';

interface SimJobParts {
  start: () => MortalProcess;
  openStream: () => Stream;
  openStore: () => Store;
  random: Random;
  onDefect: (error: unknown) => void;
}

/** What a job computes belongs to an edition of its own. */
export const JOB_EDITION = 999;
const SOURCE = 'job-1';
const OFFSETS = 40;
const SECOND_US = 1_000_000;

/**
 * A job: a source of its own beside what is live, put out from the beginning again each time its
 * process dies. Nothing of it may be lost or counted twice, and nothing live by it.
 */
export class SimJob {
  readonly #parts: SimJobParts;
  readonly #partition: number;
  #isDone = false;
  /** Nothing is lost any more: once it is stored, it stays so. */
  isCalm = false;

  constructor(parts: SimJobParts, partition: number) {
    this.#parts = parts;
    this.#partition = partition;
    this.#run().catch(parts.onDefect);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Starts of the windows that it puts out. */
  static get starts(): number[] {
    return Array.from({ length: OFFSETS }, (_, offset) => offset * 60 * SECOND_US);
  }

  async #run(): Promise<void> {
    while (!this.#isDone) {
      const process = this.#parts.start();
      const over = this.#attempt(process).then(
        async (isStored) => {
          this.#isDone = isStored && this.isCalm;
          await process.clock.sleep(5000);
        },
        async (error: unknown) => {
          if (errorKind(error) !== 'transient') this.#parts.onDefect(error);
          await process.clock.sleep(this.#parts.random.int(3000));
        },
      );
      await Promise.race([over, process.whenDead()]);
    }
  }

  /** Whether all of it is stored; else it is put out, from the beginning. */
  async #attempt(process: MortalProcess): Promise<boolean> {
    const { openStream, openStore, random } = this.#parts;
    const store = process.store(openStore());
    const mark = (await store.marks(this.#partition)).get(SOURCE)?.mark;
    if (mark?.offset === OFFSETS) return true;
    const key = { logId: TEST_LOG_ID, logNumber: 1, source: SOURCE };
    const builder = new SeriesRecordBuilder({ ...key, foldVersion: 1 }, ADDRESS_ZERO, 600);
    const producer = process.stream(openStream()).producer();
    await store.openMark({ ...key, partition: this.#partition });
    for (const [offset, startUs] of SimJob.starts.entries()) {
      builder.begin(offset);
      builder.entry(EntryType.final, pieceAt(startUs, offset));
      if (random.chance(0.3)) builder.flush(offset + 1);
      await this.#append(process, producer, builder);
    }
    builder.flush(OFFSETS);
    await this.#append(process, producer, builder);
    return false;
  }

  async #append(
    process: MortalProcess,
    producer: ReturnType<Stream['producer']>,
    builder: SeriesRecordBuilder,
  ): Promise<void> {
    for (const { payload } of builder.sealed.splice(0)) {
      await producer.append(TOPIC_SERIES, this.#partition, payload);
      await process.clock.sleep(this.#parts.random.int(1000));
    }
  }
}

function pieceAt(startUs: number, offset: number): Piece {
  const fingerprint = fingerprintOf(TEST_TENANT, [['__name__', 'job']]);
  const widthUs = 60 * SECOND_US;
  return {
    edition: JOB_EDITION,
    fingerprint,
    widthUs,
    startUs,
    piece: offset,
    count: 1,
    marked: false,
  };
}
