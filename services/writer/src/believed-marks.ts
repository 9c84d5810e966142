import { MillraceError } from '@millrace/runtime';
import type { StoredMark } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/wire';
import { checkNotAhead } from './check-not-ahead.ts';
import { WRITER_CODES } from './writer-errors.ts';

/**
 * Which of a store's marks say what the log may forget. INVARIANT: not those that are ahead of it,
 * nor those of a log that lost its end and has grown again: what it took since was never stored.
 * Each partition's log is asked until it was found to be the right one.
 */
export class BelievedMarks {
  readonly #stream: Stream;
  readonly #believed = new Map<number, string>();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Rejects with what the log rejects with: then nobody knows, and nothing may be forgotten. */
  async has(partition: number, mark: StoredMark): Promise<boolean> {
    if (this.#believed.get(partition) === mark.logId) return true;
    const { signal } = new AbortController();
    const where = { stream: this.#stream, partition };
    try {
      await checkNotAhead(where, new Map([[LIVE_SOURCE, mark]]), signal);
    } catch (error) {
      // Whoever writes the partition stops for it, and says so.
      if (error instanceof MillraceError && error.code === WRITER_CODES.ahead) return false;
      throw error;
    }
    this.#believed.set(partition, mark.logId);
    return true;
  }
}
