import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@millrace/runtime/testing';
import { runSimulation } from './run-simulation.ts';
import type { SimLine } from './sim-main.ts';

export interface SimulationSoak {
  /** The first seed; those after it follow. */
  readonly seed: number;
  /** Ends it after so many. */
  readonly seeds: number;
  readonly minutes: number;
  readonly say: (text: string) => void;
  readonly isStopping: () => boolean;
}

/** Seeds that one process runs: it starts quickly, and what it leaves behind stays small. */
const SEEDS_PER_PROCESS = 50;
const PROCESS_MS_MAX = 10 * 60_000;
const TOLD_EVERY = 500;

/**
 * Seed after seed on all cores, until the time is over. Resolves with whether no promise was
 * broken; a seed that fails is told with the commit and the command that repeats it.
 */
export async function soakSimulation(soak: SimulationSoak): Promise<boolean> {
  const { seed, seeds, minutes, say, isStopping } = soak;
  const deadlineMs = performance.now() + minutes * 60_000;
  const commit = await commitOf();
  const file = fileURLToPath(new URL('./sim-main.js', import.meta.url));
  let next = seed;
  let done = 0;
  let failed = 0;
  const tell = (line: SimLine): void => {
    done += 1;
    if (done % TOLD_EVERY === 0) say(`${done} seeds, up to ${line.seed}`);
    if (line.problems.length === 0) return;
    failed += 1;
    say(`seed ${line.seed} of ${commit} BROKE: ${line.problems.join('\n')}`);
    say(`To repeat it: npm run soak -- --sim --seed ${line.seed} --seeds 1`);
  };
  const work = async (): Promise<void> => {
    while (next < seed + seeds && performance.now() < deadlineMs && !isStopping()) {
      const firstSeed = next;
      const count = Math.min(SEEDS_PER_PROCESS, seed + seeds - next);
      next += count;
      const order = { firstSeed, seeds: count, stopsAtFailure: false };
      const run = await runSimulation({ file, order, timeoutMs: PROCESS_MS_MAX });
      for (const line of run.lines) tell(line);
      if (run.lines.length === count) continue;
      const problem = run.stderr.slice(-2000) || `it did not end in ${PROCESS_MS_MAX / 60_000} min`;
      tell({ seed: firstSeed + run.lines.length, traceHash: '', steps: 0, problems: [problem] });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  say(`${done} seeds of ${commit} from ${seed} on: ${failed} broke a promise.`);
  return failed === 0;
}

/** What the seeds belong to: under other sources they are other runs. */
async function commitOf(): Promise<string> {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const head = await runCommand({ file: 'git', args: ['rev-parse', '--short', 'HEAD'], cwd });
  if (head.code !== 0) return 'an unknown commit';
  const changed = await runCommand({ file: 'git', args: ['status', '--porcelain'], cwd });
  return `commit ${head.output.trim()}${changed.output.trim() === '' ? '' : ' with changes'}`;
}
