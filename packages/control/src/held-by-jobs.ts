import type { StatePlaces } from '@millrace/state';
import type { HistoryReader } from './read-history.ts';
import type { Candidate } from './rules-history.ts';

/**
 * Where the state of a job that is over stands: beyond every record, because it needs none of them
 * any more.
 */
export const JOB_OVER_POSITION: number = Number.MAX_SAFE_INTEGER;

/** Those whose past jobs fold. */
export function candidatesWithJobs(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ sinceUs }) => Number.isFinite(sinceUs));
}

/**
 * The position below which no job of a partition needs an event of this log any more: Infinity when
 * there is none that has anything left to fold, 0 while one has not begun. Where it stands in
 * another log says nothing about this one.
 *
 * @throws what the log and the state throw: then nobody knows, and nothing may be released.
 */
export async function heldByJobs(
  parts: Readonly<{ history: HistoryReader; places: StatePlaces }>,
  partition: number,
  logId: string,
): Promise<number> {
  const { newest } = await parts.history.read();
  let held = Infinity;
  for (const { number } of candidatesWithJobs(newest?.candidates ?? [])) {
    const store = await parts.places.at(number);
    const committed = await store.readPosition(partition);
    const position = committed?.logId === logId ? committed.position : 0;
    if (position !== JOB_OVER_POSITION) held = Math.min(held, position);
  }
  return held;
}
