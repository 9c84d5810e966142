import type { MessagePort, Worker } from 'node:worker_threads';
import { settlesWithin, systemClock } from '@millrace/runtime';

/** No call, and no answer to one: a link of the thread's passes it over. */
const END = { end: true };
/** Reading a partition's state of a million series takes less, and nothing interrupts that. */
const END_MS_MAX = 2000;
/** It ends those that it has started before. */
const PARENT_END_MS_MAX = 2 * END_MS_MAX;

/** Those that this thread has started, and that have not ended. */
const started = new Set<Worker>();

/** Whoever is told to end ends them first. */
export function noteStarted(worker: Worker): void {
  started.add(worker);
  worker.once('exit', () => started.delete(worker));
}

/**
 * Ends a thread as soon as it has a turn, or after a while whatever it is doing. Not at once: of a
 * thread that is ended while LMDB's binding is loaded, opens a file or reads, the binding ends the
 * whole process with SIGABRT, because it cannot throw any more.
 */
export async function endThread(worker: Worker, msMax: number = PARENT_END_MS_MAX): Promise<void> {
  // It has ended already, and tells nobody again.
  if (worker.threadId < 0) return;
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage(END);
  if (!(await settlesWithin(systemClock, msMax, ended))) await worker.terminate();
}

/** In the thread. */
export function endWhenTold(port: MessagePort): void {
  port.on('message', (message: object) => {
    if (!('end' in message)) return;
    const ends = [...started].map((worker) => endThread(worker, END_MS_MAX));
    void Promise.all(ends).finally(() => process.exit());
  });
}
