import { Worker } from 'node:worker_threads';
import type { CompleteReport, CompleteSettings, ScheduleComponents } from '@millrace/complete';
import { errorText, MillraceError } from '@millrace/runtime';
import { createThreadLink } from './thread-link.ts';

/** What a thread that completes marked windows is asked for. */
export interface CompletingThread {
  complete(wanted: Pick<CompleteSettings, 'sinceUs'>): Promise<CompleteReport>;
}

/**
 * Completes marked windows in a thread of its own, which ends with what it was asked for: one of
 * that file, which is born with `workerData` and answers as `CompletingThread`.
 */
export function completingInThread(
  entry: URL,
  workerData: unknown,
): ScheduleComponents['complete'] {
  return async (wanted, signal) => {
    signal.throwIfAborted();
    const worker = new Worker(entry, { name: 'completing', workerData });
    const link = createThreadLink<CompletingThread>(worker, {});
    worker.once('error', (error) => link.close(threadEnded(errorText(error), error)));
    worker.once('exit', (code) => link.close(threadEnded(`it ended with code ${code}`)));
    const stop = (): void => link.close(threadEnded('it was told to end'));
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await link.call('complete', wanted);
    } finally {
      signal.removeEventListener('abort', stop);
      // Whatever it was doing: what it had replaced is whole, and the rest is as it was.
      await worker.terminate();
    }
  };
}

function threadEnded(why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'COMPLETING_THREAD_ENDED',
    kind: 'transient',
    message: `The thread that completes marked windows is gone (${why}); they stay marked.`,
    remedy: 'Nothing: they are looked for again when that is due.',
    cause,
  });
}
