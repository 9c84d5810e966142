import { errorKind } from '@millrace/runtime';
import type { StageStatus } from '@millrace/runtime';
import type { JobProgress } from '@millrace/store';
import { isShared } from '../checkpoints/checkpoint-place.ts';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import type { ReceiverFlags } from '../receiver-client.ts';
import { askStatus } from '../running-single.ts';
import { askCandidates } from './candidates-client.ts';
import { lagBeside } from './lag-beside.ts';
import type { Editions } from './open-editions.ts';

/** What is known of a candidate's jobs at one moment. */
export interface JobLook {
  /** Of the store, or of the process where that is ahead; what has not begun is missing. */
  progress: readonly JobProgress[];
  paused: boolean;
  /** Of the process that folds them; undefined: it cannot be asked. */
  samplesPerSecond: number | undefined;
  lagMs: number | undefined;
  /** Why jobs of partitions stopped for good. */
  stopped: readonly StoppedJob[];
  /** Jobs that are held up for a reason that was told: they go on by themselves. */
  held: readonly StoppedJob[];
  /** Records that the log keeps for them; undefined: the process cannot be asked. */
  keptRecords: number | undefined;
  /** True once it is no candidate any more. */
  isGone: boolean;
  /** Its jobs were closed before they ended: it was promoted meanwhile. */
  isClosed: boolean;
}

export interface StoppedJob {
  partition: number;
  code: string;
  message: string;
  remedy: string | undefined;
}

type JobStatus = NonNullable<StageStatus['jobs']>[number];

/** Of a cluster: how long what arrived has waited to be stored. */
async function clusterLag(context: CliContext): Promise<number | undefined> {
  const { lookAtDistributed } = await import('../distributed/look.ts');
  const { readDistributedSettings } = await import('../distributed/distributed-settings.ts');
  const { partitions } = await lookAtDistributed(readDistributedSettings(context.environment));
  const lags = partitions.flatMap(({ stored }) => stored?.lagMs ?? []);
  return lags.length === 0 ? undefined : Math.max(...lags);
}

/** As often as somebody looks; the one process tells it with all else. */
export function liveLag(context: CliContext, flags: ReceiverFlags): () => number | undefined {
  if (!isShared(context, flags.dataDir)) return () => undefined;
  return lagBeside(
    () => clusterLag(context),
    () => performance.now(),
  );
}

/** The store knows what has come of jobs; the process, if it is ours to ask, how it goes. */
export async function lookAtJobs(
  context: CliContext,
  flags: ReceiverFlags,
  { url, store }: Editions,
  number: number,
): Promise<JobLook> {
  const { candidates } = await askCandidates(url);
  const candidate = candidates.find((one) => one.number === number);
  const { jobs } = await store.list();
  const known = jobs.get(number) ?? [];
  const stages = await stagesOf(context, flags);
  const mine = stages
    .flatMap((stage) => stage.jobs ?? [])
    .filter((one) => one.candidate === number);
  const lags = stages
    .filter(({ stage }) => stage !== 'receiver')
    .flatMap(({ partitions }) => partitions.map(({ lagMs }) => lagMs));
  return {
    progress: furthest(known, mine),
    paused: candidate?.jobs.paused ?? false,
    samplesPerSecond: mine.length === 0 ? undefined : sumOfRates(mine),
    lagMs: lags.length === 0 ? undefined : Math.max(...lags),
    stopped: mine.flatMap((one) => reasonOf(one, 'stopped')),
    held: mine.flatMap((one) => (one.reason === undefined ? [] : reasonOf(one, 'waiting'))),
    keptRecords: mine.length === 0 ? undefined : keptRecords(mine, stages),
    isGone: candidate === undefined,
    isClosed:
      candidate?.since === null || known.some(({ isClosed, hasEnded }) => isClosed && !hasEnded),
  };
}

/** Results are stored some time after they were folded, and most of them at the end. */
export function furthest(
  stored: readonly JobProgress[],
  folding: readonly Pick<JobStatus, 'partition' | 'position' | 'endPosition'>[],
): JobProgress[] {
  const progress = new Map(stored.map((one) => [one.partition, one]));
  for (const { partition, position, endPosition } of folding) {
    const begun = { partition, logId: '', hasEnded: false, isClosed: false, position: 0 };
    const known = progress.get(partition) ?? begun;
    // Until the store has begun the candidate, the process alone knows where its job ends.
    const ends = { endPosition, ...known };
    progress.set(partition, { ...ends, position: Math.max(known.position, position) });
  }
  return [...progress.values()];
}

/** Of the one process; the stages of a cluster are too many to be asked each second. */
async function stagesOf(context: CliContext, flags: ReceiverFlags): Promise<StageStatus[]> {
  if (isShared(context, flags.dataDir)) return [];
  try {
    return (await askStatus(dataDirOf(context, flags.dataDir))).stages;
  } catch (error) {
    // It only tells how fast it goes. Whoever is named by --url may have another data directory.
    if (errorKind(error) === 'defect') throw error;
    return [];
  }
}

function sumOfRates(jobs: readonly JobStatus[]): number {
  return jobs.reduce((sum, { samplesPerSecond }) => sum + samplesPerSecond, 0);
}

/** From where jobs stand to the log's end: none of it is forgotten, however old it is. */
function keptRecords(jobs: readonly JobStatus[], stages: readonly StageStatus[]): number {
  const live = stages.find(({ stage }) => stage === 'transformer')?.partitions ?? [];
  return jobs.reduce((sum, { partition, state, committedPosition = 0 }) => {
    const end = live.find((one) => one.partition === partition)?.endOffset ?? 0;
    return sum + (state === 'over' ? 0 : Math.max(0, end - committedPosition));
  }, 0);
}

function reasonOf(
  { state, partition, reason }: JobStatus,
  wanted: 'stopped' | 'waiting',
): StoppedJob[] {
  if (state !== wanted) return [];
  const { code = 'JOB_STOPPED', message = 'It stopped.', remedy } = reason ?? {};
  return [{ partition, code, message, remedy }];
}
