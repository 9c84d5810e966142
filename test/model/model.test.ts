import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../services/repository.ts';
import { counterexamples, HEADING } from './counterexamples.ts';
import { explore, type Exploration } from './explore.ts';
import { MUTATIONS } from './step.ts';

const WORLDS_MAX = 2_000_000;
const listing = join(repositoryRoot, 'test', 'model', 'counterexamples.md');

describe('the commit protocol', () => {
  it.each([
    { owners: 2, writers: 2, faults: 2, depthMax: 13, isLive: false },
    { owners: 2, writers: 2, faults: 2, depthMax: 10, isLive: true },
    { owners: 2, writers: 0, faults: 3, depthMax: 15, isLive: false },
    { owners: 1, writers: 2, faults: 2, depthMax: 13, isLive: true },
  ] as const)(
    'keeps every promise: $owners owners, $writers writers, $faults faults, $depthMax steps',
    (bounds) => {
      const found = explore({ ...bounds, worldsMax: WORLDS_MAX });
      process.stdout.write(`${told(found)}, drained from each: ${bounds.isLive}\n`);
      expect(found.counterexample).toBeUndefined();
      expect(found.depth).toBe(bounds.depthMax);
    },
    120_000,
  );

  it('keeps none when it is broken: the shortest ways to see it', () => {
    const found = counterexamples();
    const text = [HEADING, ...found.map(({ text: one }) => one)].join('\n');
    expect(found.map(({ mutation }) => mutation)).toEqual(MUTATIONS);
    if (!existsSync(listing) || process.env['MILLRACE_TEST_UPDATE'] === '1') {
      writeFileSync(listing, text);
    }
    expect(readFileSync(listing, 'utf8')).toBe(text);
  }, 120_000);
});

function told({ worlds, depth, isComplete }: Exploration): string {
  const whole = isComplete ? 'all there are' : `all within ${depth} steps`;
  return `The commit protocol: ${worlds.toLocaleString('en-US')} worlds, ${whole}`;
}
