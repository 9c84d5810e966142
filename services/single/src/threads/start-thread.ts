import { Worker, type WorkerOptions } from 'node:worker_threads';
import { errorText, type Measurement } from '@millrace/runtime';
import { askOnce } from './ask-once.ts';
import { endThread, noteStarted } from './end-thread.ts';
import { createThreadLink, type Callable, type ThreadLink } from './thread-link.ts';

/** A thread that answers calls. */
export interface LinkedThread<Remote extends Callable<Remote>> {
  link: ThreadLink<Remote>;
  /** Ends it, in bounded time. */
  end(): Promise<void>;
}

/** `ended`: the error of calls to a thread that is gone. */
export function startThread<Remote extends Callable<Remote>>(
  entry: URL,
  options: WorkerOptions,
  ended: (why: string, cause?: unknown) => Error,
): LinkedThread<Remote> {
  const worker = new Worker(entry, options);
  noteStarted(worker);
  const link = createThreadLink<Remote>(worker, {});
  worker.once('error', (error) => link.close(ended(errorText(error), error)));
  worker.once('exit', (code) => link.close(ended(`it ended with code ${code}`)));
  return {
    link,
    end: async () => {
      link.close(ended('it was told to end'));
      await endThread(worker);
    },
  };
}

interface Measured {
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
}

/** A thread with metrics of its own: what it said last, while it does not answer. */
export type MeasuredThread<Remote extends Callable<Remote>> = LinkedThread<Remote> & Measured;

/** Sooner than the stage's thread that asks has to answer itself. */
const ANSWER_MS_MAX = 500;

export function startMeasured<Remote extends Measured & Callable<Remote>>(
  ...params: Parameters<typeof startThread>
): MeasuredThread<Remote> {
  const thread = startThread<Remote>(...params);
  const link = thread.link as unknown as ThreadLink<Measured>;
  const measure = askOnce(() => link.call('measure'), ANSWER_MS_MAX);
  const exposition = askOnce(() => link.call('exposition'), ANSWER_MS_MAX);
  return {
    ...thread,
    measure: async () => (await measure.ask()) ?? [],
    exposition: async () => (await exposition.ask()) ?? '',
  };
}
