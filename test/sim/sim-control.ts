import { errorKind } from '@millrace/runtime';
import { TOPIC_EVENTS, type Producer, type Stream } from '@millrace/stream';
import { RuleVersions } from '@millrace/transformer/testing';
import { encodeEventsRecord, type BarrierRecord } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';
import type { Random } from './random.ts';
import { simRules } from './sim-rules.ts';

interface SimControlParts {
  process: MortalProcess;
  stream: Stream;
  random: Random;
  /** The barrier every partition begins with. */
  first: BarrierRecord;
  /** Told what no injected fault explains. */
  onDefect: (error: unknown) => void;
}

/**
 * Somebody who applies rules, and is careless about it: barriers reach some partitions only,
 * come again, and come before what they follow. `complete` makes up for it.
 */
export class SimControl {
  readonly process: MortalProcess;
  readonly #random: Random;
  readonly #producer: Producer;
  readonly #partitions: number;
  readonly #versions: RuleVersions;
  readonly #barriers: BarrierRecord[] = [];
  readonly #onDefect: (error: unknown) => void;
  #underWay = 0;

  constructor({ process, stream, random, first, onDefect }: SimControlParts) {
    this.process = process;
    this.#random = random;
    this.#onDefect = onDefect;
    this.#producer = process.stream(stream).producer();
    this.#partitions = stream.partitions;
    this.#versions = new RuleVersions(first);
  }

  /** No barrier is on its way any more. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Other rules; some partitions hear of them. */
  change(): void {
    const random = this.#random;
    this.#barriers.push(this.#versions.next(simRules((from) => random.pick(from))));
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      if (random.chance(0.7)) this.#tell(partition, this.#barriers.slice(-1));
    }
  }

  /** Every partition hears of all there ever were, in their order, whether it has or not. */
  complete(): void {
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      this.#tell(partition, [...this.#barriers]);
    }
  }

  #tell(partition: number, barriers: readonly BarrierRecord[]): void {
    this.#underWay += 1;
    const telling = async (): Promise<void> => {
      for (const barrier of barriers) {
        await this.#producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(barrier));
      }
    };
    telling()
      .catch((error: unknown) => {
        // One that could not be appended is missing until the next `complete`.
        if (errorKind(error) !== 'transient') this.#onDefect(error);
      })
      .finally(() => {
        this.#underWay -= 1;
      });
  }
}
