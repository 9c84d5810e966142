import { Worker } from 'node:worker_threads';
import {
  createCompletionSchedule,
  type CompleteReport,
  type ScheduleComponents,
} from '@millrace/complete';
import { MillraceError } from '@millrace/runtime';
import type { BesideWriter } from '@millrace/writer/main';
import type { CompletingAnswer, CompletingThreadData } from './completing-thread.ts';

/** Completes marked windows beside a writer when that is due; of all writers one does at a time. */
export const completeBeside: BesideWriter = ({ clock, log, meter }, place) => {
  const { complete, ...rest } = place;
  const over = new AbortController();
  const doing = completingInThread(rest);
  const schedule = createCompletionSchedule({ clock, log, meter, complete: doing }, complete);
  const running = schedule.run(over.signal);
  return async () => {
    over.abort();
    await running;
  };
};

function completingInThread(
  place: Omit<CompletingThreadData, 'sinceUs'>,
): ScheduleComponents['complete'] {
  return async ({ sinceUs = -Infinity }, signal) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL('./completing-thread.js', import.meta.url), {
      name: 'completing',
      workerData: { ...place, sinceUs } satisfies CompletingThreadData,
    });
    try {
      return await reportOf(worker, signal);
    } finally {
      // Whatever it was doing: what it had replaced is whole, and the rest is as it was.
      await worker.terminate();
    }
  };
}

async function reportOf(worker: Worker, signal: AbortSignal): Promise<CompleteReport> {
  const answer = await new Promise<CompletingAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread ended with code ${code}`)));
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  if ('report' in answer) return answer.report;
  const { code, message } = answer;
  throw new MillraceError({ code, kind: 'transient', message });
}
