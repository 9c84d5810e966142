import { MillraceError } from '@millrace/runtime';
import type { StoredMark } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/wire';
import { checkNotAhead } from './check-not-ahead.ts';
import { WRITER_CODES } from './writer-errors.ts';

/**
 * Whether a store's mark says what the log may forget. INVARIANT: not one that is ahead of it, nor
 * that of a log that lost its end and has grown again: what it took since was never stored. It is
 * asked each time, because it may lose its end at any: that is one record in ten seconds. Rejects
 * with what the log rejects with: then nobody knows, and nothing may be forgotten.
 */
export async function isBelieved(
  stream: Stream,
  partition: number,
  mark: StoredMark,
): Promise<boolean> {
  const { signal } = new AbortController();
  try {
    await checkNotAhead({ stream, partition }, new Map([[LIVE_SOURCE, mark]]), signal);
    return true;
  } catch (error) {
    // Whoever writes the partition stops for it, and says so.
    if (error instanceof MillraceError && error.code === WRITER_CODES.ahead) return false;
    throw error;
  }
}
