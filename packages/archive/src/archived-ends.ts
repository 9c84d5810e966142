import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import type { ArchivedTo } from '@millrace/checkpoint';
import type { Clock } from '@millrace/runtime';
import type { ArchiveFiles } from './archive-files.ts';
import { ArchivedRanges } from './archived-ranges.ts';
import { coveredTo } from './coverage.ts';

interface Known {
  ranges: ArchivedRanges;
  lookedUs: number;
}

/** What is archived by others is noticed so late at most: until then the log only keeps more. */
const LOOK_MS = 15_000;

/**
 * How far the log is archived, by what lies in the archive and not by the word of whoever put it
 * there: so any process can let the log forget. Rejects while the archive cannot be reached.
 */
export function createArchivedTo(
  components: Readonly<{ stream: Stream; files: ArchiveFiles; clock: Clock }>,
): ArchivedTo {
  const { stream, files, clock } = components;
  const known = new Map<number, Known>();
  return async (partition, logId) => {
    let one = known.get(partition);
    if (one?.ranges.key.logId !== logId) {
      const ranges = new ArchivedRanges(files, { topic: TOPIC_EVENTS, partition, logId });
      one = { ranges, lookedUs: -Infinity };
    }
    if (Math.abs(clock.nowUs() - one.lookedUs) >= LOOK_MS * 1000) {
      await one.ranges.follow();
      one.lookedUs = clock.nowUs();
    }
    known.set(partition, one);
    const { start } = await stream.bounds(TOPIC_EVENTS, partition);
    return coveredTo(one.ranges.all, start) ?? 0;
  };
}
