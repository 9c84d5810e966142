import { expect, test, vi } from 'vitest';
import { lagBeside } from './lag-beside.ts';

test('the lag of a cluster is asked beside, now and then, and never waited for', async () => {
  let nowMs = 0;
  let asked = 0;
  let answer: (one: number | Error) => void = () => undefined;
  const ask = (): Promise<number> => {
    asked += 1;
    return new Promise((resolve, reject) => {
      answer = (one) => (typeof one === 'number' ? resolve(one) : reject(one));
    });
  };
  const lag = lagBeside(ask, () => nowMs);
  expect(lag()).toBeUndefined();
  nowMs = 60_000;
  expect(lag()).toBeUndefined();
  expect(asked).toBe(1);
  answer(120);
  await vi.waitFor(() => expect(lag()).toBe(120), 10_000);
  expect(asked).toBe(2);
  answer(new Error('no broker answers'));
  await vi.waitFor(() => expect(lag()).toBeUndefined(), 10_000);
  nowMs += 4999;
  lag();
  expect(asked).toBe(2);
  nowMs += 1;
  lag();
  expect(asked).toBe(3);
  answer(0);
  await vi.waitFor(() => expect(lag()).toBe(0), 10_000);
});
