import { afterEach, beforeEach, expect, test } from 'vitest';
import { reprocessUnderKills, type KillMoment } from './killed-reprocess.ts';
import { Playground } from './running-millrace.ts';
import { ShopSamples } from './shop-samples.ts';

const MINUTE_MS = 60_000;
const TEST_MS_MAX = 240_000;
const REQUESTS = 60;
const MOMENTS: readonly KillMoment[] = ['begun', 'folded', 'committed', 'one over', 'folded'];

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

test(
  'the past under the same rules is the same, killed five times, with late samples meanwhile',
  { timeout: TEST_MS_MAX },
  async () => {
    const fromMs = Math.floor(Date.now() / MINUTE_MS - 40) * MINUTE_MS;
    const samples = new ShopSamples({ fromMs, requests: REQUESTS, seed: 7 });
    const outcome = await reprocessUnderKills(playground, samples, MOMENTS);
    expect(outcome.faults).toEqual([]);
    expect(outcome.equal).toBeGreaterThan(300);
    expect(outcome.lateSamples).toBeGreaterThan(100);
  },
);
