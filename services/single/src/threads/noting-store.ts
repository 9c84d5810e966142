import { errorText, type Log } from '@millrace/runtime';
import type { Store, StoredMark } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { isBelieved } from '@millrace/writer';
import type { FlushedMark } from './thread-data.ts';

/**
 * The same store; what it flushed is noted, because the events log waits for it as well. Of a
 * partition whose log cannot be asked nothing is: how far the others are, and what a crash of the
 * database took back of any, is told all the same.
 */
export function noting(
  store: Store,
  { stream, log }: Readonly<{ stream: Stream; log: Log }>,
  flushed: Map<number, FlushedMark>,
): Store {
  const failing = new Set<number>();
  const mayForget = async (partition: number, stored: StoredMark): Promise<boolean> => {
    try {
      const isSo = await isBelieved(stream, partition, stored);
      failing.delete(partition);
      return isSo;
    } catch (error) {
      // Once: it lasts as long as whatever is wrong, and only costs room.
      const fields = { partition, error: errorText(error) };
      if (!failing.has(partition)) log.warn(fields, 'Events are kept: their log cannot be asked.');
      failing.add(partition);
      return false;
    }
  };
  return {
    marks: (partition) => store.marks(partition),
    openMark: (key) => store.openMark(key),
    apply: (batch) => store.apply(batch),
    flushedMarks: async () => {
      const marks = await store.flushedMarks();
      for (const [partition, stored] of marks) {
        if (!(await mayForget(partition, stored))) continue;
        flushed.set(partition, { partition, logId: stored.logId, offset: stored.mark.offset });
      }
      return marks;
    },
    close: () => store.close(),
  };
}
