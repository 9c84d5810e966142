import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { FaultRates } from './mortal-process.ts';
import { simulate } from './sim-run.ts';

const FAULTS: FaultRates = {
  fail: 0.05,
  lostAnswer: 0.05,
  twice: 0.03,
  slow: 0.2,
  slowMsMax: 3000,
};

const kept = readFileSync(new URL('./seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\d+/.test(line))
  .map((line) => Number.parseInt(line, 10));
const count = Number(process.env['SIM_SEEDS'] ?? 24);
const first = Number(process.env['SIM_FIRST_SEED'] ?? 1);
const seeds = [...kept, ...Array.from({ length: count }, (_, i) => first + i)];

describe('the stages under faults', () => {
  it(`keep every promise, whatever goes wrong (${seeds.length} seeds)`, async () => {
    const failed: string[] = [];
    let changes = 0;
    for (const seed of seeds) {
      const { verdict } = await simulate({ seed, requests: 60, faults: FAULTS });
      if (verdict.problems.length > 0) {
        failed.push(`seed ${seed}: ${verdict.problems.slice(0, 3).join('; ')}`);
      }
      changes += verdict.changes;
      if (verdict.stored === 0 || verdict.windows === 0) failed.push(`seed ${seed}: nothing done`);
    }
    expect(failed).toEqual([]);
    expect(changes).toBeGreaterThan(0);
  }, 600_000);

  it('are replayed exactly by their seed', async () => {
    for (const seed of [3, 7]) {
      const once = await simulate({ seed, requests: 40, faults: FAULTS });
      const again = await simulate({ seed, requests: 40, faults: FAULTS });
      expect(again.traceHash).toBe(once.traceHash);
      expect(once.steps).toBeGreaterThan(100);
    }
  }, 120_000);
});
