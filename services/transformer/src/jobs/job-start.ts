import {
  newestFirst,
  readCheckpoint,
  whyUnusable,
  type PlacedManifest,
} from '@millrace/checkpoint';
import { errorKind } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { headOfPages, type PartitionHead } from '../fold/partition-state.ts';
import { STATE_VERSIONS_READ } from '../fold/saved-header.ts';
import type { StatePages } from '../memory/state-pages.ts';
import { wholeFromUs, type Job } from './job.ts';
import { LogCutError } from './job-errors.ts';
import { beginJobFrom, beginJobWithLog, type BegunJob } from './job-state.ts';
import { readLogBeginning } from './log-beginning.ts';

/** Samples without a time of their own get the next one that is free: a little later. */
const FREE_TIME_US = 1_000_000;

/**
 * Whether no sample that a state has folded gets into any window that starts at or after it. How
 * far samples may be ahead of partition time is up to the clocks of receivers and of the log: what
 * was seen is certain.
 */
export function isEarlyEnough(head: PartitionHead, fromUs: number): boolean {
  return head.largestTimeUs + FREE_TIME_US <= fromUs;
}

interface StartParts {
  stream: Stream;
  partition: number;
  recordBytesMax: number;
  signal: AbortSignal;
}

/**
 * Begins a job with the newest checkpoint that is early enough, or else with the log's first
 * record, unless what it needs may lie in a log before. Undefined: there is no log yet.
 *
 * @throws MillraceError REPROCESS_LOG_CUT when neither is there; REPROCESS_BEFORE_LIVE.
 */
export async function beginJob(parts: StartParts, job: Job): Promise<BegunJob | undefined> {
  const { stream, partition, recordBytesMax } = parts;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  if (end === 0) return undefined;
  const search = new StartSearch(parts, job);
  const early = await search.findEarly();
  if (early !== undefined) return beginJobFrom(job, early, recordBytesMax);
  const log = start === 0 ? await readLogBeginning(parts) : undefined;
  if (log !== undefined && log.wholeFromUs <= wholeFromUs(job)) {
    return beginJobWithLog(job, log, recordBytesMax);
  }
  const later = await search.findLater();
  if (later !== undefined) return beginJobFrom(job, later, recordBytesMax);
  const { candidate } = job;
  if (log !== undefined) search.notePossible(log.wholeFromUs);
  const { possibleFromUs } = search;
  throw new LogCutError({
    partition,
    candidate,
    wholeFromUs: wholeFromUs(job),
    start,
    possibleFromUs,
  });
}

/** Looks for a state that a job can begin with. */
class StartSearch {
  /** From where on the windows could be whole, as far as it was looked. */
  possibleFromUs: number | undefined;
  readonly #place: StartParts;
  readonly #job: Job;
  readonly #wholeFromUs: number;
  readonly #later: PlacedManifest[] = [];

  constructor(place: StartParts, job: Job) {
    this.#place = place;
    this.#job = job;
    this.#wholeFromUs = wholeFromUs(job);
  }

  async findEarly(): Promise<StatePages | undefined> {
    for await (const placed of newestFirst(this.#place)) {
      // Most likely it has samples that are as late: reading all of it may be saved.
      if (placed.manifest.partitionTimeUs > this.#wholeFromUs) this.#later.push(placed);
      else {
        const pages = await this.#early(placed);
        if (pages !== undefined) return pages;
      }
    }
    return undefined;
  }

  /** Among those that were left out, when there is no other way. */
  async findLater(): Promise<StatePages | undefined> {
    for (const placed of this.#later) {
      const pages = await this.#early(placed);
      if (pages !== undefined) return pages;
    }
    return undefined;
  }

  /** Windows that start at or after `fromUs` could be whole. */
  notePossible(fromUs: number): void {
    const widthsUs = this.#job.rules.rules.flatMap((rule) => rule.widthsUs);
    const possibleUs = fromUs + Math.max(0, ...widthsUs);
    this.possibleFromUs = Math.min(this.possibleFromUs ?? Infinity, possibleUs);
  }

  async #early(placed: PlacedManifest): Promise<StatePages | undefined> {
    if ((await whyUnusable(this.#place, placed.manifest, STATE_VERSIONS_READ)) !== undefined) {
      return undefined;
    }
    try {
      const pages = await readCheckpoint(this.#place, placed);
      const { head, inForce } = headOfPages(pages);
      // Behind the barrier that the job ends at nothing is left to fold.
      if (inForce >= this.#job.candidate) return undefined;
      if (isEarlyEnough(head, this.#wholeFromUs)) return pages;
      this.notePossible(head.largestTimeUs + FREE_TIME_US);
      return undefined;
    } catch (error) {
      // One that is damaged is no way; an older one may be.
      if (errorKind(error) !== 'permanent') throw error;
      return undefined;
    }
  }
}
