import {
  ColumnRoom,
  decodeEventsRecord,
  encodeEventsRecord,
  listEntries,
  type AddressedEntry,
} from '@millrace/wire';
import { takePages } from '../fold/partition-state.ts';
import type { Job } from '../jobs/job.ts';
import { beginJobFrom, beginJobWithLog, continueJob, type OpenedJob } from '../jobs/job-state.ts';
import { TEST_LOG_ID, type LoggedRecord } from './fold-run.ts';

/** What a job put out. */
export interface JobRun {
  entries: AddressedEntry[];
  /** Whether it met the barrier that began its candidate. */
  isOver: boolean;
  /** Samples that were folded together. */
  together: number;
  /** Of its state in the end, those that changed since it was saved last. */
  pages: Map<string, Uint8Array | undefined>;
}

export interface JobRunOptions {
  /** Pages of a state of live folding to begin with; left out: the log's beginning. */
  from?: ReadonlyMap<string, Uint8Array>;
  /** Whether to save the state after this offset and go on from what was saved. */
  restartAfter?: (offset: number) => boolean;
  recordBytesMax?: number;
  /** Records that are read and folded in one go; left out: one after the other. */
  together?: number;
}

/** Runs a job over a whole log, and restarts it where it is told to. */
export function runJob(job: Job, log: readonly LoggedRecord[], options: JobRunOptions): JobRun {
  const { from, recordBytesMax = 800_000, restartAfter, together } = options;
  const begun =
    from === undefined
      ? beginJobWithLog(job, { logId: TEST_LOG_ID, logNumber: 1 }, recordBytesMax)
      : beginJobFrom(job, from, recordBytesMax);
  const saved = begun.pages;
  const entries: AddressedEntry[] = [];
  const room = new ColumnRoom();
  let opened: OpenedJob = begun;
  const drain = (): void => {
    const { builder, fold } = opened;
    builder.flush(fold.head.position);
    for (const { payload } of builder.sealed.splice(0)) entries.push(...listEntries(payload));
  };
  while (!opened.fold.isOver && opened.fold.head.position < log.length) {
    const offset = opened.fold.head.position;
    if (together !== undefined) {
      room.release();
      room.hold();
      const some = log.slice(offset, offset + together).map(({ record, appendTimeUs }) => {
        return { record: decodeEventsRecord(encodeEventsRecord(record), room), appendTimeUs };
      });
      if (opened.fold.applyAll(some) < some.length) for (const _ of opened.fold.end()) drain();
      continue;
    }
    const { record, appendTimeUs } = log[offset]!;
    const read = decodeEventsRecord(encodeEventsRecord(record), room);
    if (!opened.fold.apply(read, appendTimeUs)) for (const _ of opened.fold.end()) drain();
    else if (restartAfter?.(offset) === true) {
      drain();
      const { head, tables } = opened.fold.fold;
      for (const [key, page] of takePages(head, tables)) {
        if (page === undefined) saved.delete(key);
        else saved.set(key, page.slice());
      }
      opened = continueJob(job, saved, recordBytesMax);
    }
  }
  drain();
  const { head, tables, counts } = opened.fold.fold;
  return {
    ...{ entries, isOver: opened.fold.isOver, together: counts.together },
    pages: new Map([...takePages(head, tables)].map(([key, page]) => [key, page?.slice()])),
  };
}
