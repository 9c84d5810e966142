import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { bundleSimulation } from '../bundle-simulation.ts';
import { runSimulation } from '../run-simulation.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

/** So many seeds may pass before a mutant counts as one that nobody notices. */
const SEEDS_MAX = Number(process.env['SIM_MUTANT_SEEDS'] ?? 80);
const TIMEOUT_MS = 240_000;

/** By which seed each was noticed when it was written down: that one is tried first. */
const NOTICED_BY = JSON.parse(
  readFileSync(new URL('noticed-by.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, number>>;

/** How the simulator noticed; undefined: it did not. */
async function caught(mutant: Mutant, number: number): Promise<string | undefined> {
  const file = await bundleSimulation(`mutant-${number}`, mutant);
  const firstSeed = NOTICED_BY[mutant.name];
  const known =
    firstSeed === undefined ? undefined : await noticed(file, mutant, { firstSeed, seeds: 1 });
  return known ?? (await noticed(file, mutant, { firstSeed: 1, seeds: SEEDS_MAX }));
}

async function noticed(
  file: string,
  { emphasis: changes = {} }: Mutant,
  which: Readonly<{ firstSeed: number; seeds: number }>,
): Promise<string | undefined> {
  const order = { ...which, stopsAtFailure: true, changes };
  const run = await runSimulation({ file, order, timeoutMs: TIMEOUT_MS });
  const failed = run.lines.find(({ problems }) => problems.length > 0);
  if (failed !== undefined) return `seed ${failed.seed}: ${failed.problems[0]}`;
  // One that dies is noticed; one that takes too long may only be on a slow machine.
  if (run.exitCode === null || run.exitCode === 0) return undefined;
  return `seed ${which.firstSeed + run.lines.length}: ${run.stderr.slice(0, 300)}`;
}

const chosen = new RegExp(process.env['SIM_MUTANTS'] ?? '');
const mutants = MUTANTS.filter(({ name }) => chosen.test(name));

/** Otherwise whatever is wrong with all of them would be taken for theirs. */
test('nothing is noticed without a mutant', async () => {
  const file = await bundleSimulation('no-mutant');
  const order = { firstSeed: 1, seeds: 2, stopsAtFailure: true };
  const { lines } = await runSimulation({ file, order, timeoutMs: TIMEOUT_MS });
  expect(lines.map(({ problems }) => problems)).toEqual([[], []]);
}, 600_000);

test(`every mutant is noticed (${mutants.length})`, async () => {
  const survived: string[] = [];
  const by: Record<string, number> = {};
  const left = mutants.entries();
  const work = async (): Promise<void> => {
    for (const [number, mutant] of left) {
      const startedMs = performance.now();
      const how = await caught(mutant, number).catch((error: unknown) => {
        survived.push(`${mutant.name}: ${String(error)}`);
        return 'it is out of date';
      });
      if (how === undefined) survived.push(mutant.name);
      const seed = /^seed (\d+)/.exec(how ?? '')?.[1];
      if (seed !== undefined) by[mutant.name] = Number(seed);
      if (process.env['SIM_MUTANT_LOG'] !== undefined) {
        const ms = Math.round(performance.now() - startedMs);
        process.stderr.write(`${ms} ms ${mutant.name}: ${how ?? 'SURVIVED'}\n`);
      }
    }
  };
  const workers = Math.min(2, availableParallelism());
  await Promise.all(Array.from({ length: workers }, work));
  expect(survived).toEqual([]);
  // Out of date it costs time and nothing else.
  if (process.env['MILLRACE_TEST_UPDATE'] !== '1') return;
  const sorted = Object.fromEntries(Object.entries(by).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(
    new URL('noticed-by.json', import.meta.url),
    `${JSON.stringify(sorted, null, 2)}\n`,
  );
}, 600_000);
