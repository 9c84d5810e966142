import { Worker, type WorkerOptions } from 'node:worker_threads';
import { errorText } from '@millrace/runtime';
import { createThreadLink, type Callable, type ThreadLink } from './thread-link.ts';

/** A thread that answers calls. */
export interface LinkedThread<Remote extends Callable<Remote>> {
  link: ThreadLink<Remote>;
  /** Ends it, whatever it is doing. */
  end(): Promise<void>;
}

/** `ended`: the error of calls to a thread that is gone. */
export function startThread<Remote extends Callable<Remote>>(
  entry: URL,
  options: WorkerOptions,
  ended: (why: string, cause?: unknown) => Error,
): LinkedThread<Remote> {
  const worker = new Worker(entry, options);
  const link = createThreadLink<Remote>(worker, {});
  worker.once('error', (error) => link.close(ended(errorText(error), error)));
  worker.once('exit', (code) => link.close(ended(`it ended with code ${code}`)));
  return {
    link,
    end: async () => {
      link.close(ended('it was told to end'));
      await worker.terminate();
    },
  };
}
