import { createCompletionSchedule } from '@millrace/complete';
import { completingInThread } from '@millrace/single/completing';
import type { BesideWriter } from '@millrace/writer/main';
import type { CompletingThreadData } from './completing-thread.ts';

const ENTRY = new URL('./completing-thread.js', import.meta.url);

/** Completes marked windows beside a writer when that is due; of all writers one does at a time. */
export const completeBeside: BesideWriter = ({ clock, log, meter }, place) => {
  const { complete, ...rest } = place;
  const over = new AbortController();
  const doing = completingInThread(ENTRY, rest satisfies CompletingThreadData);
  const schedule = createCompletionSchedule({ clock, log, meter, complete: doing }, complete);
  const running = schedule.run(over.signal);
  return async () => {
    over.abort();
    await running;
  };
};
