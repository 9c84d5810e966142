import type { CompleteReport, CompleteSettings, ScheduleComponents } from '@millrace/complete';
import { MillraceError } from '@millrace/runtime';
import { startThread } from './start-thread.ts';

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
    const options = { name: 'completing', workerData };
    const thread = startThread<CompletingThread>(entry, options, threadEnded);
    // Whatever it is doing: what it has replaced is whole, and the rest is as it was.
    const stop = (): void => void thread.end();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await thread.link.call('complete', wanted);
    } finally {
      signal.removeEventListener('abort', stop);
      await thread.end();
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
