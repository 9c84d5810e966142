import { ADDRESS_ZERO, type Address } from '@millrace/model';
import {
  loadMemory,
  loadPages,
  memoryPages,
  newPartitionHead,
  takePages,
  type LoadedState,
} from '../fold/partition-state.ts';
import { jobSource } from '@millrace/wire';
import { FOLD_VERSION } from '../fold/partition-fold.ts';
import type { StatePages } from '../memory/state-pages.ts';
import { barrierOfJob, type Job } from './job.ts';
import { JobFold } from './job-fold.ts';
import { JobRecordBuilder } from './job-record-builder.ts';

/** A job ready to be folded on from `fold.head.position`. */
export interface OpenedJob {
  fold: JobFold;
  builder: JobRecordBuilder;
}

/** One that begins, and all pages of its state. */
export interface BegunJob extends OpenedJob {
  pages: Map<string, Uint8Array>;
}

/** Begins with what a state of live folding remembers; see `jobStart` for which one it may be. */
export function beginJobFrom(job: Job, pages: StatePages, recordBytesMax: number): BegunJob {
  const state = loadMemory(pages, (barrier) => barrierOfJob(barrier, job));
  return begun(job, state, { pages: memoryPages(pages), recordBytesMax });
}

/** Begins with the first record of the log. */
export function beginJobWithLog(
  job: Job,
  log: Readonly<{ logId: string; logNumber: number }>,
  recordBytesMax: number,
): BegunJob {
  const head = newPartitionHead(log.logId, log.logNumber);
  return begun(job, { head, tables: undefined }, { pages: new Map(), recordBytesMax });
}

/** Goes on from a state of the job itself. */
export function continueJob(job: Job, pages: StatePages, recordBytesMax: number): OpenedJob {
  const state = loadPages(pages);
  const from = { offset: state.head.position, ordinal: 0 };
  return opened(job, state, { from, recordBytesMax });
}

/**
 * Nothing is put out before the first sample that belongs to the job: so whoever begins it, and
 * wherever, says that nothing lies before its first record.
 */
function begun(
  job: Job,
  state: LoadedState,
  { pages, recordBytesMax }: Readonly<{ pages: Map<string, Uint8Array>; recordBytesMax: number }>,
): BegunJob {
  for (const [key, page] of takePages(state.head, state.tables)) {
    if (page !== undefined) pages.set(key, page);
  }
  return { ...opened(job, state, { from: ADDRESS_ZERO, recordBytesMax }), pages };
}

function opened(
  job: Job,
  state: LoadedState,
  { from, recordBytesMax }: Readonly<{ from: Address; recordBytesMax: number }>,
): OpenedJob {
  const { logId, logNumber } = state.head;
  const source = jobSource(job.candidate);
  const foldVersion = state.tables?.barrier.foldVersion ?? FOLD_VERSION;
  const builder = new JobRecordBuilder(
    { logId, logNumber, source, foldVersion },
    from,
    recordBytesMax,
  );
  return { fold: new JobFold(job, state, builder), builder };
}
