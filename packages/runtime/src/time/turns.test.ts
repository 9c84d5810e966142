import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

const { signal: never } = new AbortController();

describe('turns', () => {
  it('come one after the other, as many at once as may be', async () => {
    const turns = new Turns(2);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const apply = async (number: number): Promise<void> => {
      const giveBack = await turns.take(never);
      order.push(number);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      giveBack();
    };
    await Promise.all(Array.from({ length: 9 }, (_, number) => apply(number)));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // Nothing is left over: as many as before have a turn at once.
    await turns.take(never);
    await turns.take(never);
  });

  it('are given up by whoever stops meanwhile, and go to the next one', async () => {
    const turns = new Turns(1);
    const stopping = new AbortController();
    const giveBack = await turns.take(never);
    const stopped = turns.take(stopping.signal);
    const next = turns.take(never);
    const reason = new Error('stopped');
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await expect(turns.take(stopping.signal)).rejects.toBe(reason);
    giveBack();
    (await next)();
    await turns.take(never);
  });
});
