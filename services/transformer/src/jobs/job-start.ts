import {
  newestFirst,
  readCheckpoint,
  readEvent,
  whyUnusable,
  type CheckpointPlace,
  type PlacedManifest,
} from '@millrace/checkpoint';
import { errorKind } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { findLogNumber } from '../begin-anew.ts';
import { headOfPages, type PartitionHead } from '../fold/partition-state.ts';
import { STATE_VERSIONS_READ } from '../fold/saved-header.ts';
import type { StatePages } from '../memory/state-pages.ts';
import { noLogRecord } from '../take-over.ts';
import { wholeFromUs, type Job } from './job.ts';
import { logCut } from './job-errors.ts';
import { beginJobFrom, beginJobWithLog, type BegunJob } from './job-state.ts';

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
 * record. Undefined: there is no log yet.
 *
 * @throws MillraceError REPROCESS_LOG_CUT when neither is there.
 */
export async function beginJob(parts: StartParts, job: Job): Promise<BegunJob | undefined> {
  const { stream, partition, recordBytesMax } = parts;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  if (end === 0) return undefined;
  const search = new StartSearch(parts, job);
  const pages = await search.find(start > 0);
  if (pages !== undefined) return beginJobFrom(job, pages, recordBytesMax);
  if (start === 0) {
    const logId = await logIdOf(parts);
    const logNumber = await findLogNumber(parts, logId);
    return beginJobWithLog(job, { logId, logNumber }, recordBytesMax);
  }
  const { candidate } = job;
  const { possibleFromUs } = search;
  const cut = { partition, candidate, wholeFromUs: wholeFromUs(job), start, possibleFromUs };
  throw logCut(cut);
}

/** The id of a log whose first record is there. */
export async function logIdOf(place: CheckpointPlace): Promise<string> {
  const record = decodeEventsRecord(await readEvent(place, 0));
  if (record.kind !== EventsRecordKind.log) throw noLogRecord(place.partition);
  return record.logId;
}

/** Looks for a state that a job can begin with. */
class StartSearch {
  /** From where on the windows could be whole, as far as it was looked. */
  possibleFromUs: number | undefined;
  readonly #place: StartParts;
  readonly #job: Job;
  readonly #wholeFromUs: number;

  constructor(place: StartParts, job: Job) {
    this.#place = place;
    this.#job = job;
    this.#wholeFromUs = wholeFromUs(job);
  }

  /** With `isLast` there is no other way. */
  async find(isLast: boolean): Promise<StatePages | undefined> {
    const later: PlacedManifest[] = [];
    for await (const placed of newestFirst(this.#place)) {
      // Most likely it has samples that are as late: reading all of it may be saved.
      if (placed.manifest.partitionTimeUs > this.#wholeFromUs) later.push(placed);
      else {
        const pages = await this.#early(placed);
        if (pages !== undefined) return pages;
      }
    }
    if (!isLast) return undefined;
    for (const placed of later) {
      const pages = await this.#early(placed);
      if (pages !== undefined) return pages;
    }
    return undefined;
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
      this.#notePossible(head);
      return undefined;
    } catch (error) {
      // One that is damaged is no way; an older one may be.
      if (errorKind(error) !== 'permanent') throw error;
      return undefined;
    }
  }

  #notePossible({ largestTimeUs }: PartitionHead): void {
    const widthsUs = this.#job.rules.rules.flatMap((rule) => rule.widthsUs);
    const possibleUs = largestTimeUs + FREE_TIME_US + Math.max(0, ...widthsUs);
    this.possibleFromUs = Math.min(this.possibleFromUs ?? Infinity, possibleUs);
  }
}
