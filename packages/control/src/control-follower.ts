import { createBackoff, errorKind, type Clock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { readOn } from './read-history.ts';
import { RulesHistory, type RulesVersion } from './rules-history.ts';

export interface FollowerParts {
  stream: Stream;
  clock: Clock;
  /** Told once for each time reading fails; it goes on trying. */
  onRetry: (error: unknown) => void;
}

const WAIT_MS = 1000;

/** Reads `metrics.control` as it grows, until it is stopped. */
export class ControlFollower {
  readonly #parts: FollowerParts;
  readonly #stopping = new AbortController();
  #history = new RulesHistory();
  #running: Promise<void> | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Versions after the one with this number, as far as they have been read. */
  versionsAfter(number: number): readonly RulesVersion[] {
    return this.#history.after(number);
  }

  /** Resolves when stopped; rejects with a defect, or with what no retry can mend. */
  run(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { stream, clock, onRetry } = this.#parts;
    const { signal } = this.#stopping;
    const backoff = createBackoff({ clock });
    while (!signal.aborted) {
      const reader = stream.reader(TOPIC_CONTROL, 0, this.#history.position);
      try {
        while (!signal.aborted) {
          await readOn(this.#history, reader, WAIT_MS, signal);
          backoff.reset();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (errorKind(error) !== 'transient') throw error;
        onRetry(error);
        await backoff.wait(signal).catch(() => undefined);
      } finally {
        await reader.close();
      }
    }
  }
}
