import { ADDRESS_ZERO, compareAddress, type Address } from '@millrace/model';
import { readHistory, type RulesHistory } from '@millrace/control';
import { errorText, MillraceError } from '@millrace/runtime';
import type { StoredPosition } from '@millrace/store';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { beginJob, type BegunJob, type Job } from '@millrace/transformer';
import { decodeEventsRecord, isJobSource, jobSource, type Entries } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';
import { entriesBelow } from './entries-below.ts';

/** A job of one partition, of which the store has everything below the mark. */
export interface StoredJob {
  job: Job;
  plan: PartitionPlan;
  mark: Address;
}

const RECORD_BYTES_MAX = 800_000;
/** What a job cannot be begun without, and the log need not have any more. */
const CANNOT_BEGIN: ReadonlySet<string> = new Set(['REPROCESS_LOG_CUT', 'REPROCESS_BEFORE_LIVE']);

/** The jobs that the store has something of, as the log knows them. */
export async function storedJobs(
  stream: Stream,
  plans: readonly PartitionPlan[],
  positions: readonly StoredPosition[],
): Promise<StoredJob[]> {
  if (!positions.some(({ source }) => isJobSource(source))) return [];
  const jobs = jobsOf(await readHistory(stream), stream.partitions);
  return plans.flatMap((plan) =>
    jobs.flatMap((job) => {
      const source = jobSource(job.candidate);
      const stored = positions.find((one) => {
        const { partition, logId } = plan;
        return one.source === source && one.partition === partition && one.logId === logId;
      });
      if (stored === undefined || compareAddress(stored.mark, ADDRESS_ZERO) === 0) return [];
      return [{ job, plan, mark: stored.mark }];
    }),
  );
}

/** Those that were promoted go on without jobs; what they were begun with is what was folded. */
function jobsOf({ versions }: RulesHistory, partitions: number): Job[] {
  const jobs = new Map<number, Job>();
  for (const { number, rules, sinceUs } of versions.flatMap(({ candidates }) => candidates)) {
    if (Number.isFinite(sinceUs) && !jobs.has(number)) {
      jobs.set(number, { candidate: number, rules, sinceUs, partitions });
    }
  }
  return [...jobs.values()];
}

/**
 * Folds a partition's past again as the job did, and gives out what the store must have applied of
 * it. Resolves with why it cannot be begun any more; undefined: it was folded.
 */
export async function foldJob(
  { job, plan, mark }: StoredJob,
  params: Readonly<{
    stream: Stream;
    waitMsMax: number;
    onEntries: (entries: Entries, offset: number) => void;
    signal?: AbortSignal | undefined;
  }>,
): Promise<string | undefined> {
  const { stream, waitMsMax, onEntries, signal = NEVER } = params;
  const { partition } = plan;
  const place = { stream, partition, recordBytesMax: RECORD_BYTES_MAX, signal };
  const begun = await beginOr(async () => await beginJob(place, job));
  if (typeof begun === 'string') return begun;
  const { fold, builder } = begun;
  const put = (offset: number): void => {
    for (const { payload } of builder.sealed.splice(0))
      onEntries(entriesBelow(payload, mark), offset);
  };
  const to = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  const from = fold.head.position;
  const range = { topic: TOPIC_EVENTS, partition, from, to, waitMsMax, signal } as const;
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, range)) {
    if (!fold.apply(decodeEventsRecord(payload), appendTimeUs)) {
      for (const _ of fold.end()) put(offset);
      put(offset);
      break;
    }
    fold.fold.takeLosses();
    builder.flush(offset + 1);
    put(offset);
  }
  return undefined;
}

const NEVER = new AbortController().signal;

async function beginOr(begin: () => Promise<BegunJob | undefined>): Promise<BegunJob | string> {
  try {
    return (await begin()) ?? 'the log is empty';
  } catch (error) {
    if (!(error instanceof MillraceError) || !CANNOT_BEGIN.has(error.code)) throw error;
    return errorText(error);
  }
}
