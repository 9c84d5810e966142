import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzTargets } from './fuzz-targets.ts';
import { fuzzTarget, readFailedInputs } from './run-target.ts';
import { Watchdog } from './watchdog.ts';

/** Any seed finds something, some day: it is printed, and what it found is kept. */
const freshSeed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const FIXED_SEED = 1;
/** Of each reader. */
const FRESH_MS = 500;

let watchdog: Watchdog;
beforeAll(() => {
  watchdog = new Watchdog();
});
afterAll(async () => {
  await watchdog.stop();
});

describe(`readers of what others wrote (FUZZ_SEED=${freshSeed})`, () => {
  it.each(fuzzTargets)('$name', { timeout: 120_000 }, async (target) => {
    await readFailedInputs(target, watchdog);
    const { runs } = target;
    const fixed = await fuzzTarget(target, watchdog, { seed: FIXED_SEED, extent: { runs } });
    const extent = { timeMs: FRESH_MS };
    const fresh = await fuzzTarget(target, watchdog, { seed: freshSeed, extent });
    // Mutations that are all refused at the door would test nothing.
    expect(fixed.accepted).toBeGreaterThan(0);
    expect(fresh.inputs).toBeGreaterThan(0);
  });
});
