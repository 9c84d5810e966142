import type { Clock } from '@millrace/runtime';
import { expect, it } from 'vitest';
import { Deadlines } from './deadlines.ts';
import { eventually } from './testing/eventually.ts';

/** Sleeps end when the test says so, one after the other. */
function steppedClock() {
  const sleeps: { ms: number; end: () => void; signal: AbortSignal }[] = [];
  const clock: Clock = {
    nowUs: () => 0,
    sleep: async (ms, signal) =>
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(new Error('aborted'));
        const end = (): void => {
          signal!.removeEventListener('abort', abort);
          resolve();
        };
        sleeps.push({ ms, end, signal: signal! });
        signal!.addEventListener('abort', abort);
      }),
  };
  const step = async (): Promise<number> => {
    const { length } = sleeps;
    const { ms, end, signal } = sleeps.at(-1)!;
    end();
    await eventually(() => sleeps.length > length || signal.aborted);
    return ms;
  };
  return { clock, sleeps, step };
}

const late = (): Error => new Error('late');
const never = new Promise<never>(() => undefined);

it('hands on how a promise ends, and leaves no timer when nobody waits', async () => {
  const { clock, sleeps } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  const failing = deadlines.within(Promise.reject(new Error('broken')), late);
  const kept = deadlines.within(Promise.resolve('kept'), late);
  await expect(failing).rejects.toThrow('broken');
  await expect(kept).resolves.toBe('kept');
  expect(sleeps.map(({ signal }) => signal.aborted)).toEqual([true]);
});

it('gives up on each no sooner than its time and no later than a sixteenth more', async () => {
  const { clock, step } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  const ended: string[] = [];
  const wait = (name: string): void => {
    deadlines.within(never, late).catch((error: Error) => ended.push(`${name} ${error.message}`));
  };
  let sleptMs = 0;
  wait('first');
  for (let i = 0; i < 8; i += 1) sleptMs += await step();
  wait('second');
  while (ended.length === 0 && sleptMs < 1000) sleptMs += await step();
  expect(ended).toEqual(['first late']);
  expect(sleptMs).toBe(170);
  while (ended.length === 1 && sleptMs < 1000) sleptMs += await step();
  expect(ended).toEqual(['first late', 'second late']);
  expect(sleptMs).toBe(80 + 170);
});

it('waits for others that come behind one that was given up on', async () => {
  const { clock, sleeps, step } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  let given = 0;
  const giveUp = (): void => void (given += 1);
  deadlines.within(never, late).catch(giveUp);
  for (let i = 0; given === 0 && i < 100; i += 1) await step();
  expect(sleeps.at(-1)!.signal.aborted).toBe(true);
  deadlines.within(never, late).catch(giveUp);
  for (let i = 0; given === 1 && i < 100; i += 1) await step();
  expect(given).toBe(2);
});
