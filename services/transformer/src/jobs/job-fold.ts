import { EntryType, EventsRecordKind, type BarrierRecord, type EventsRecord } from '@millrace/wire';
import { PartitionFold, type AppendedRecord } from '../fold/partition-fold.ts';
import type { LoadedState, PartitionHead } from '../fold/partition-state.ts';
import { isNextBarrier } from '../fold/read-barrier.ts';
import { barrierOfJob, boundEditions, jobEditions, type Job } from './job.ts';
import type { JobRecordBuilder } from './job-record-builder.ts';

/** Pieces that are finished in one go when a job ends. */
const FINISHED_MAX = 4096;

/**
 * The computation of a job: folds one partition's past into a candidate's editions, up to the
 * barrier that brought the candidate. What it puts out is a function of the log, from whichever
 * state it began.
 */
export class JobFold {
  readonly fold: PartitionFold;
  readonly #job: Job;
  readonly #out: JobRecordBuilder;
  #isOver = false;

  /** `state`: see `loadMemory`; or that of this job, from where it was left. */
  constructor(job: Job, { head, tables }: LoadedState, out: JobRecordBuilder) {
    this.#job = job;
    this.#out = out;
    if (tables !== undefined) boundEditions(tables, job);
    this.fold = new PartitionFold(head, tables, out);
  }

  get head(): PartitionHead {
    return this.fold.head;
  }

  /** The barrier was met, and everything is put out. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Folds the record at `head.position`. False: it is the barrier that began the candidate; then
   * nothing is done, and `end` has to follow.
   *
   * @throws MillraceError (permanent) when that can never be done: then nothing has changed.
   */
  apply(record: EventsRecord, appendTimeUs: number): boolean {
    if (record.kind !== EventsRecordKind.barrier) {
      this.fold.apply(record, appendTimeUs);
      return true;
    }
    if (isNextBarrier(record, this.fold.tables) && record.number >= this.#job.candidate) {
      return false;
    }
    this.fold.apply(this.#rewritten(record), appendTimeUs);
    const { tables } = this.fold;
    if (tables !== undefined) boundEditions(tables, this.#job);
    return true;
  }

  /**
   * The same for records from `head.position` on, whose columns all have to be valid. Returns how
   * many were folded: fewer than all when what follows is the barrier that began the candidate.
   */
  applyAll(records: readonly AppendedRecord[]): number {
    let from = 0;
    for (const [i, { record, appendTimeUs }] of records.entries()) {
      if (record.kind !== EventsRecordKind.barrier) continue;
      this.fold.applyAll(records.slice(from, i));
      if (!this.apply(record, appendTimeUs)) return i;
      from = i + 1;
    }
    this.fold.applyAll(from === 0 ? records : records.slice(from));
    return records.length;
  }

  /**
   * Finishes all that is open, some at a time, so that whoever publishes can keep up; then the
   * job's last entry. Nothing of it may be committed before it is over.
   */
  *end(): Generator<undefined> {
    const { head, tables } = this.fold;
    const out = this.#out;
    const { candidate, partitions } = this.#job;
    out.begin(head.position);
    out.hold();
    const windows = tables?.windows;
    const slots = windows?.pieces.inTurn(windows.pieces.used()) ?? [];
    for (let i = 0; i < slots.length; i += FINISHED_MAX) {
      for (const slot of slots.slice(i, i + FINISHED_MAX)) {
        out.entry(EntryType.final, windows!.entry(slot));
        windows!.remove(slot);
      }
      yield undefined;
    }
    const { position } = head;
    const editions = jobEditions(this.#job);
    out.entry(EntryType.jobEnd, { candidate, position, partitions, editions });
    head.position = position + 1;
    out.release();
    out.flush(head.position);
    this.#isOver = true;
  }

  #rewritten(record: BarrierRecord): BarrierRecord {
    return { ...record, ...barrierOfJob(record, this.#job) };
  }
}
