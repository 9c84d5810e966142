import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import type { ArchivedTo } from '@millrace/checkpoint';
import type { Clock } from '@millrace/runtime';
import { archiveAhead, archiveOtherRecord, archiveUnreachable } from './archive-errors.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { ArchivedRanges } from './archived-ranges.ts';
import type { OpenedArchive } from './binding/open-archive.ts';
import { coveredTo } from './coverage.ts';
import { endsAlike } from './ends-alike.ts';

interface Known {
  ranges: ArchivedRanges;
  lookedUs: number;
  /** So far the log was seen to be the one that is archived. */
  sameTo: number;
}

/** What is archived by others is noticed so late at most: until then the log only keeps more. */
const LOOK_MS = 15_000;
/** Whoever lets the log forget has other things to do, and asks again. */
const ASK_MS_MAX = 10_000;

/**
 * How far the log is archived, by what lies in the archive and not by the word of whoever put it
 * there: so any process can let the log forget. Rejects while the archive cannot be reached, and
 * when the log goes on from another record than the archive: one that was put back from a copy has
 * the same id, and other events where the copy ended.
 */
export function createArchivedTo(
  components: Readonly<{ stream: Stream; files: ArchiveFiles; clock: Clock; askMsMax?: number }>,
): ArchivedTo {
  const { stream, files, clock, askMsMax = ASK_MS_MAX } = components;
  const { where } = files;
  const known = new Map<number, Known>();
  const ask = async (partition: number, logId: string, signal: AbortSignal): Promise<number> => {
    let one = known.get(partition);
    if (one?.ranges.key.logId !== logId) {
      const ranges = new ArchivedRanges(files, { topic: TOPIC_EVENTS, partition, logId });
      one = { ranges, lookedUs: -Infinity, sameTo: 0 };
      known.set(partition, one);
    }
    if (Math.abs(clock.nowUs() - one.lookedUs) >= LOOK_MS * 1000) {
      // Of a list that takes too long the next one goes on where this one ended.
      await one.ranges.follow(signal);
      one.lookedUs = clock.nowUs();
    }
    const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
    const to = coveredTo(one.ranges.all, start) ?? 0;
    if (to > end) throw archiveAhead({ partition, where, archivedTo: to, end });
    // What the log does not hold cannot be looked at, and there is nothing to forget of it.
    if (to > start && to !== one.sameTo) {
      const last = one.ranges.all.findLast((range) => range.to === to)!;
      if (!(await endsAlike({ stream, files }, last, signal))) {
        throw archiveOtherRecord({ partition, where, offset: to - 1 });
      }
      one.sameTo = to;
    }
    return to;
  };
  return async (partition, logId) => {
    const limit = AbortSignal.timeout(askMsMax);
    try {
      return await ask(partition, logId, limit);
    } catch (error) {
      if (error !== limit.reason) throw error;
      throw archiveUnreachable(where, `no answer came within ${askMsMax} ms`, error);
    }
  };
}

/**
 * What a process lets the log forget by: what is in the archive that is set. Where none is, all,
 * unless the log is bound to one: then nobody knows, and it rejects with ARCHIVE_UNSET.
 */
export function archivedToOf(
  components: Readonly<{ stream: Stream; archive: OpenedArchive; clock: Clock }>,
): ArchivedTo {
  const { stream, archive, clock } = components;
  if (archive.isSet) return createArchivedTo({ stream, files: archive.files, clock });
  return async () => {
    await archive.check();
    return Infinity;
  };
}
