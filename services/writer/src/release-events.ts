import type { CheckpointRetention } from '@millrace/checkpoint';
import { errorText, type Log } from '@millrace/runtime';
import type { Store, StoredMark } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { isBelieved } from './is-believed.ts';

/** How far the state of a partition is committed. */
export type ReadStatePosition = (
  partition: number,
) => Promise<{ logId: string; position: number } | undefined>;

/**
 * The same store, and whenever it has flushed its marks, the log is told which events it may
 * forget: those that are folded for good and stored for good, as far as there is a checkpoint from
 * which they could be made again. Of partitions that this process writes; the others have writers
 * of their own.
 */
export function releasingEvents(
  store: Store,
  parts: Readonly<{
    stream: Stream;
    retention: CheckpointRetention;
    readPosition: ReadStatePosition;
    owned: () => readonly number[];
    /** Below it no job needs an event of a partition's log any more; left out: there are no jobs. */
    heldFrom?: (partition: number, logId: string) => Promise<number>;
    log: Log;
  }>,
): Store {
  const { log } = parts;
  let isFailing = false;
  return {
    marks: (partition) => store.marks(partition),
    openMark: (key) => store.openMark(key),
    apply: (batch) => store.apply(batch),
    flushedMarks: async () => {
      const marks = await store.flushedMarks();
      try {
        await releaseAll(parts, marks);
        isFailing = false;
      } catch (error) {
        // Once: it lasts as long as whatever is wrong, and only costs room.
        const fields = { error: errorText(error) };
        if (!isFailing) log.warn(fields, 'Events could not be released; they are kept for now.');
        isFailing = true;
      }
      return marks;
    },
    close: () => store.close(),
  };
}

async function releaseAll(
  {
    stream,
    retention,
    readPosition,
    owned,
    heldFrom = noneHeld,
  }: Parameters<typeof releasingEvents>[1],
  marks: ReadonlyMap<number, StoredMark>,
): Promise<void> {
  retention.keepOnly(owned());
  const releases = owned().map(async (partition) => {
    const stored = marks.get(partition);
    if (stored === undefined || !(await isBelieved(stream, partition, stored))) return;
    const folded = await readPosition(partition);
    if (folded?.logId !== stored.logId) return;
    const held = await heldFrom(partition, stored.logId);
    const position = Math.min(folded.position, stored.mark.offset, held);
    await retention.release(partition, { logId: stored.logId, position });
  });
  const ended = await Promise.allSettled(releases);
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}

const noneHeld = async (): Promise<number> => Infinity;
