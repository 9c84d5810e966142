import { checkRun, type SimVerdict } from './checkers.ts';
import { SimWorld, type SimOptions } from './sim-world.ts';

export interface SimResult {
  seed: number;
  traceHash: string;
  steps: number;
  verdict: SimVerdict;
}

/** One simulated run: everything that happens follows from the seed. */
export async function simulate(options: SimOptions): Promise<SimResult> {
  const world = new SimWorld(options);
  await world.run();
  return {
    seed: options.seed,
    traceHash: world.trace.digest(),
    steps: world.trace.steps,
    verdict: checkRun(world),
  };
}
