import type { TimeUs } from '@millrace/model';
import type { JobProgress } from '../../edition-store.ts';
import type { StoredServed } from '../../reader-rows.ts';
import { servedOf, type ServedRow } from './read-editions.ts';
import type { Session } from '../connection/session.ts';

/** What the store knows of an edition, but for its windows. */
export interface EditionFacts {
  edition: number;
  rule: string;
  definition: string;
  aggregates: string[];
  candidate: number | undefined;
  isDropped: boolean;
  createdAtUs: TimeUs;
  widthsUs: TimeUs[];
  /** From jobs that have all ended, for each width; undefined: there are none, or some have not. */
  pastUs: TimeUs[] | undefined;
  /** In how many partitions live folding began it, of how many, and in how many it ended. */
  begun: number;
  partitions: number;
  ended: number;
  /** Largest time that any partition had seen when it began. */
  reachedUs: TimeUs;
}

interface FactsRow {
  edition: string;
  rule: string;
  definition: string;
  aggregates: string[];
  candidate: string | null;
  dropped: boolean;
  created_us: number;
  widths_us: number[];
  past_us: number[] | null;
  begun: number;
  partitions: number;
  ended: number;
  reached_us: number | null;
}

/** By number. */
export async function readEditionFacts(session: Session): Promise<EditionFacts[]> {
  const { rows } = await session.run<FactsRow>('read-edition-facts');
  return rows.map((row) => {
    const { rule, definition, aggregates, begun, partitions, ended } = row;
    return {
      ...{ edition: Number(row.edition), rule, definition, aggregates, begun, partitions, ended },
      candidate: row.candidate === null ? undefined : Number(row.candidate),
      isDropped: row.dropped,
      createdAtUs: row.created_us,
      widthsUs: row.widths_us,
      pastUs: row.past_us ?? undefined,
      reachedUs: row.reached_us ?? -Infinity,
    };
  });
}

/**
 * From which window start on live folding has each window whole: behind all that any partition had
 * seen by then. Undefined: some have not begun it.
 */
export function liveFromUs({ begun, partitions, reachedUs }: EditionFacts): TimeUs | undefined {
  return begun > 0 && begun >= partitions ? reachedUs + 1 : undefined;
}

/** From which window start on windows of each width are whole, folded by jobs or live. */
export function wholeFromUs(facts: EditionFacts): (TimeUs | undefined)[] {
  const liveUs = liveFromUs(facts);
  return facts.widthsUs.map((_, i) =>
    liveUs === undefined ? undefined : (facts.pastUs?.[i] ?? liveUs),
  );
}

/** What is served, by rule and time. */
export async function readServed(session: Session): Promise<StoredServed[]> {
  const { rows } = await session.run<ServedRow>('read-served');
  return rows.filter(({ computed }) => !computed).map(servedOf);
}

/** By candidate, and in the order of partitions. */
export async function readJobs(session: Session): Promise<Map<number, JobProgress[]>> {
  const { rows } = await session.run<{
    candidate: string;
    partition: number;
    log_id: string;
    end_position: string;
    has_ended: boolean;
    is_closed: boolean;
    position: string;
  }>('read-job-progress');
  const jobs = new Map<number, JobProgress[]>();
  for (const row of rows) {
    const { partition, log_id: logId, has_ended: hasEnded, is_closed: isClosed } = row;
    const endPosition = Number(row.end_position);
    const position = hasEnded ? endPosition : Math.min(Number(row.position), endPosition);
    const candidate = Number(row.candidate);
    const known = jobs.get(candidate) ?? [];
    known.push({ partition, logId, hasEnded, isClosed, position, endPosition });
    jobs.set(candidate, known);
  }
  return jobs;
}
