import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OverloadWorld, type OverloadOutcome } from './overload.ts';

const FASTER_SECONDS = 6;
const NEW_SERIES_SECONDS = 3;

describe('more than one process can take', () => {
  let world: OverloadWorld;
  beforeAll(async () => {
    world = await OverloadWorld.start();
  }, 60_000);
  afterAll(async () => {
    await world?.remove();
  });

  const check = ({ faults, told }: OverloadOutcome): void => {
    process.stdout.write(`${told}\n`);
    expect(faults).toEqual([]);
  };

  it('senders faster than what is behind the log: memory flat, nothing lost', async () => {
    check(await world.fasterSenders(FASTER_SECONDS));
  }, 300_000);

  it('a store that is silent: data is taken, and the writer is not ready', async () => {
    check(await world.silentStore());
  }, 180_000);

  it('100,000 new series a second: memory within its bound, nothing lost', async () => {
    check(await world.newSeries(NEW_SERIES_SECONDS));
  }, 300_000);
});
