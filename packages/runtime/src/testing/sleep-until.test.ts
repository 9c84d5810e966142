import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { sleepUntil } from './sleep-until.ts';

test('ends when it is woken or aborted, and leaves nothing on the signal', async () => {
  const stopping = new AbortController();
  const { signal } = stopping;
  let wake = (): void => undefined;
  const sleep = () => sleepUntil(new Promise<void>((resolve) => (wake = resolve)), signal);
  const first = sleep();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  wake();
  await first;
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  const second = sleep();
  stopping.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await expect(sleep()).rejects.toThrow('enough');
});
