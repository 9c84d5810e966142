import { errorText, type JobStatus, type Log, type Meter } from '@millrace/runtime';

/** Which job something is told of. */
export interface JobKey {
  candidate: number;
  partition: number;
}

/** All that is reported of jobs. */
export interface JobEvents {
  /** It begins from a state of live folding, or the log's first record: at this position. */
  begun(job: JobKey, position: number): void;
  /** It goes on from where it was left. */
  goesOn(job: JobKey, position: number): void;
  folded(job: JobKey, samples: number): void;
  published(job: JobKey, bytes: number): void;
  committed(job: JobKey, bytes: number): void;
  retried(job: JobKey, call: 'read' | 'publish' | 'commit', error: unknown): void;
  outrun(job: JobKey): void;
  /** Its own state is of no use: it begins anew. */
  discarded(job: JobKey, why: string): void;
  stopped(job: JobKey, error: unknown): void;
  /** There is no room for what it writes; it goes on when there is. */
  rests(job: JobKey, error: unknown): void;
  /** It waited for so long, because the store was behind. */
  heldBack(job: JobKey, ms: number): void;
  over(job: JobKey, position: number): void;
  /** How far it is, for a line now and then. */
  told(status: Readonly<JobStatus>): void;
  /** The same, for whoever looks. */
  observed(status: Readonly<JobStatus>): void;
  /** Neither done here nor shown any more. */
  gone(job: JobKey): void;
  /** It is not asked for any more: what was kept of it is removed. */
  removed(candidate: number): void;
  followFailed(error: unknown): void;
}

export function createJobEvents(log: Log, meter: Meter): JobEvents {
  const counter = (name: string, help: string, labels: string[] = []) =>
    meter.counter({
      name: `millrace_transformer_job_${name}`,
      help,
      labels: ['partition', ...labels],
    });
  const level = (name: string, help: string) =>
    meter.gauge({
      name: `millrace_transformer_job_${name}`,
      help,
      labels: ['candidate', 'partition'],
    });
  const samples = counter('samples_total', 'Samples that jobs have folded.');
  const published = counter('published_bytes_total', 'Bytes that jobs appended to metrics.series.');
  const commits = counter('commit_bytes_total', 'Bytes of states of jobs committed.');
  const retries = counter('retries_total', 'Calls of jobs tried again.', ['call']);
  const heldBack = counter(
    'held_back_seconds_total',
    'What jobs waited for a store that is behind.',
  );
  const levels = {
    position: level('position', 'The next record of metrics.events that a job folds.'),
    endPosition: level('end_position', 'Where a job ends, as far as it is known.'),
    samplesPerSecond: level('samples_per_second', 'Samples that a job folds in a second.'),
  };
  return {
    begun: (job, position) => log.info({ ...job, position }, 'A job begins to fold the past.'),
    goesOn: (job, position) => log.info({ ...job, position }, 'A job goes on folding the past.'),
    folded: ({ partition }, n) => samples.add(n, { partition }),
    published: ({ partition }, n) => published.add(n, { partition }),
    committed: ({ partition }, n) => commits.add(n, { partition }),
    retried: ({ candidate, partition }, call, error) => {
      retries.add(1, { partition, call });
      const fields = { candidate, partition, call, error: errorText(error) };
      log.warn(fields, 'A job was held up; it is tried again.');
    },
    outrun: (job) => log.warn({ ...job }, 'Somebody else moved a job on; its state is loaded.'),
    discarded: (job, why) =>
      log.warn({ ...job, why }, 'The state of a job is of no use; the job begins anew.'),
    stopped: (job, error) =>
      log.error(
        { ...job, error: errorText(error) },
        'A job stopped; live folding goes on, and it is looked at again.',
      ),
    rests: (job, error) =>
      log.warn({ ...job, error: errorText(error) }, 'A job rests until there is room.'),
    heldBack: ({ partition }, ms) => heldBack.add(ms / 1000, { partition }),
    over: (job, position) => log.info({ ...job, position }, 'A job has folded all of its past.'),
    told: ({ candidate, partition, position, endPosition, samplesPerSecond }) =>
      log.info(
        { candidate, partition, position, endPosition, samplesPerSecond },
        'A job folds the past.',
      ),
    observed: ({ candidate, partition, ...status }) => {
      for (const name of Object.keys(levels) as (keyof typeof levels)[]) {
        levels[name].set(status[name], { candidate, partition });
      }
    },
    gone: ({ candidate, partition }) => {
      for (const one of Object.values(levels)) one.forget({ candidate, partition });
    },
    removed: (candidate) => log.debug({ candidate }, 'What was kept of a candidate is removed.'),
    followFailed: (error) =>
      log.warn({ error: errorText(error) }, 'Which jobs there are cannot be read; tried again.'),
  };
}
