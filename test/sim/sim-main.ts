import type { PlanChanges } from './sim-plan.ts';
import { simulate } from './sim-run.ts';

/** What a process that runs seeds is asked for. */
export interface SimOrder {
  firstSeed: number;
  seeds: number;
  /** Whether the first seed that fails ends it. */
  stopsAtFailure: boolean;
  changes?: PlanChanges;
}

/** One line of its output. */
export interface SimLine {
  seed: number;
  traceHash: string;
  steps: number;
  problems: string[];
}

/** Runs seeds and tells of each on a line of its own; a program, so that any Node can run it. */
const order = JSON.parse(process.argv[2] ?? '') as SimOrder;
for (let i = 0; i < order.seeds; i += 1) {
  const { verdict, ...rest } = await simulate(order.firstSeed + i, order.changes);
  const line: SimLine = { ...rest, problems: verdict.problems.slice(0, 3) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (line.problems.length > 0 && order.stopsAtFailure) break;
}
