import { describe, expect, it } from 'vitest';
import { LargeBatches } from './large-batches.ts';

const { signal: never } = new AbortController();

describe('turns of large batches', () => {
  it('come one after the other, as many at once as may be', async () => {
    const turns = new LargeBatches(2);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const apply = async (number: number): Promise<void> => {
      await turns.begin(never);
      order.push(number);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      turns.end();
    };
    await Promise.all(Array.from({ length: 9 }, (_, number) => apply(number)));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // Nothing is left over: as many as before have a turn at once.
    await turns.begin(never);
    await turns.begin(never);
  });

  it('are given up by whoever stops meanwhile, and go to the next one', async () => {
    const turns = new LargeBatches(1);
    const stopping = new AbortController();
    await turns.begin(never);
    const stopped = turns.begin(stopping.signal);
    const next = turns.begin(never);
    const reason = new Error('stopped');
    stopping.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await expect(turns.begin(stopping.signal)).rejects.toBe(reason);
    turns.end();
    await next;
    turns.end();
    await turns.begin(never);
  });
});
