import { afterEach } from 'vitest';
import { startReceiver, type StartedReceiver, type StartOptions } from './start-receiver.ts';

/** Starts receivers for the tests of a file, and stops them after each test. */
export function useReceivers(): (options?: StartOptions) => Promise<StartedReceiver> {
  let started: StartedReceiver[] = [];
  afterEach(async () => {
    const all = started;
    started = [];
    await Promise.all(all.map(async (one) => await one.stop()));
  });
  return async (options = {}) => {
    const one = await startReceiver(options);
    started.push(one);
    return one;
  };
}
