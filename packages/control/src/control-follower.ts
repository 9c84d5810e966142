import { createBackoff, errorKind, type Backoff, type Clock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { readOn } from './read-history.ts';
import { RulesHistory, type RulesVersion } from './rules-history.ts';

export interface FollowerParts {
  stream: Stream;
  clock: Clock;
  /** Told once for each time reading fails; it goes on trying. */
  onRetry: (error: unknown) => void;
  /** Told once of what no retry can mend; it looks again every `lookAgainMs`. */
  onStopped: (error: unknown) => void;
  lookAgainMs: number;
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

  /** What is known to be lost of a partition of that log, as far as it has been read. */
  acknowledged(partition: number, logId: string): number {
    return this.#history.acknowledged(partition, logId);
  }

  /** Resolves when stopped; rejects with a defect. */
  run(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { stream, clock } = this.#parts;
    const { signal } = this.#stopping;
    const backoff = createBackoff({ clock });
    let isStopped = false;
    while (!signal.aborted) {
      const reader = stream.reader(TOPIC_CONTROL, 0, this.#history.position);
      try {
        while (!signal.aborted) {
          await readOn(this.#history, reader, WAIT_MS, signal);
          backoff.reset();
          isStopped = false;
        }
      } catch (error) {
        if (signal.aborted) return;
        isStopped = await this.#waitAfter(error, backoff, isStopped);
      } finally {
        await reader.close();
      }
    }
  }

  /** Resolves, when it is time to try again, with whether no retry can mend it. */
  async #waitAfter(error: unknown, backoff: Backoff, wasStopped: boolean): Promise<boolean> {
    const { clock, onRetry, onStopped, lookAgainMs } = this.#parts;
    const { signal } = this.#stopping;
    const kind = errorKind(error);
    if (kind === 'transient') {
      onRetry(error);
      await backoff.wait(signal).catch(() => undefined);
      return wasStopped;
    }
    if (kind !== 'permanent') throw error;
    if (!wasStopped) onStopped(error);
    await clock.sleep(lookAgainMs, signal).catch(() => undefined);
    return true;
  }
}
