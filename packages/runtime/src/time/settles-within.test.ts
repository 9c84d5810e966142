import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { settlesWithin } from './settles-within.ts';

test('what settles is in time, however it ends; what does not is not', async () => {
  expect(await settlesWithin(systemClock, 60_000, Promise.resolve())).toBe(true);
  expect(await settlesWithin(systemClock, 60_000, Promise.reject(new Error('no')))).toBe(true);
  expect(await settlesWithin(systemClock, 5, new Promise(() => undefined))).toBe(false);
});

test('it is waited for no longer than the signal allows', async () => {
  const stop = new AbortController();
  const waiting = settlesWithin(systemClock, 60_000, new Promise(() => undefined), stop.signal);
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});
