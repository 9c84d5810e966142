import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SIM_COUNTS } from './checkers.ts';
import { simulate } from './sim-run.ts';

const kept = readFileSync(new URL('./seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\d+/.test(line))
  .map((line) => Number.parseInt(line, 10));
const count = Number(process.env['SIM_SEEDS'] ?? 8);
const first = Number(process.env['SIM_FIRST_SEED'] ?? 1);
const seeds = [...kept, ...Array.from({ length: count }, (_, i) => first + i)];

describe('the stages under faults', () => {
  it(`keep every promise, whatever goes wrong (${seeds.length} seeds)`, async () => {
    const failed: string[] = [];
    const seen = Object.fromEntries(SIM_COUNTS.map((name) => [name, 0]));
    for (const seed of seeds) {
      const { verdict } = await simulate(seed);
      if (verdict.problems.length > 0) {
        failed.push(`seed ${seed}: ${verdict.problems.slice(0, 3).join('; ')}`);
      }
      for (const name of SIM_COUNTS) seen[name]! += verdict.seen[name];
    }
    expect(failed).toEqual([]);
    // What never happens is not checked.
    for (const name of SIM_COUNTS) expect(seen[name], name).toBeGreaterThan(0);
  }, 600_000);

  it('are replayed exactly by their seed', async () => {
    for (const seed of [3, 7]) {
      const once = await simulate(seed);
      const again = await simulate(seed);
      expect(again.traceHash).toBe(once.traceHash);
      expect(once.steps).toBeGreaterThan(100);
    }
  }, 120_000);
});
