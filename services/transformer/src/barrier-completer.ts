import { appendBarrier, type RulesVersion } from '@millrace/control';
import { errorKind, type Clock } from '@millrace/runtime';
import type { Producer } from '@millrace/stream';
import type { TransformerEvents } from './events.ts';

interface CompleterParts {
  partition: number;
  /** P of the log. */
  partitions: number;
  producer: Producer;
  clock: Clock;
  events: TransformerEvents;
  /** Versions of the rules after the one with this number. */
  versionsAfter: (number: number) => readonly RulesVersion[];
}

/** Whoever applies rules appends the barriers; this long it is left to them. */
const GRACE_MS = 2000;

/**
 * Appends barriers that are missing in one partition: whoever applied the rules may have died
 * half-way. A barrier that is there twice changes nothing.
 */
export class BarrierCompleter {
  readonly #parts: CompleterParts;
  #missing = 0;
  #missingSinceUs = 0;
  #appended = 0;

  constructor(parts: CompleterParts) {
    this.#parts = parts;
  }

  /** `inForce`: number of the version that the partition's newest folded barrier brought. */
  async complete(inForce: number): Promise<void> {
    const { clock, events, partition } = this.#parts;
    const missing = this.#parts.versionsAfter(Math.max(inForce, this.#appended));
    const [next] = missing;
    if (next === undefined) return;
    const nowUs = clock.nowUs();
    if (next.number !== this.#missing) {
      this.#missing = next.number;
      this.#missingSinceUs = nowUs;
    }
    // A clock that was set back must not put it off.
    if (Math.abs(nowUs - this.#missingSinceUs) < GRACE_MS * 1000) return;
    try {
      for (const version of missing) {
        await appendBarrier(this.#parts, partition, version);
        this.#appended = version.number;
        events.barrierAppended(partition, version.number);
      }
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      events.barrierFailed(partition, error);
    }
  }
}
