import { checkRun, type SimVerdict } from './checkers.ts';
import { Fates } from './fates.ts';
import { planRun, type SimPlan } from './sim-plan.ts';
import { SimWorld } from './sim-world.ts';

export interface SimResult {
  seed: number;
  traceHash: string;
  steps: number;
  verdict: SimVerdict;
}

/** One simulated run: everything that happens follows from the seed. */
export async function simulate(seed: number, changes: Partial<SimPlan> = {}): Promise<SimResult> {
  const world = new SimWorld({ ...planRun(seed), ...changes });
  const fates = new Fates(world);
  try {
    await world.run({ second: () => fates.second(), lookAfter: () => fates.lookAfter() });
  } catch (error) {
    world.failures.push(error);
  }
  return {
    seed,
    traceHash: world.trace.digest(),
    steps: world.trace.steps,
    verdict: checkRun(world),
  };
}
