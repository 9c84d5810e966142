import { retentionInForce, type HistoryReader } from '@millrace/control';
import type { RetentionWords } from '@millrace/model';
import { errorText, type Clock, type Log } from '@millrace/runtime';

/** What forgets rows that are past their retention. */
interface ExpiringStore {
  expire(words: readonly RetentionWords[]): Promise<unknown>;
}

/**
 * Lets the store forget what is past its retention, at once and then every so often, until the
 * signal aborts. Never rejects: what could not be forgotten stays until the next time.
 */
export async function keepExpiring(
  parts: Readonly<{ store: ExpiringStore; history: HistoryReader; clock: Clock; log: Log }>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { store, history, clock, log } = parts;
  while (!signal.aborted) {
    try {
      await store.expire(retentionInForce(await history.read(signal)));
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ error: errorText(error) }, 'What is past its retention stays for now.');
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}
