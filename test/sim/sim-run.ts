import { createHash } from 'node:crypto';
import { TOPIC_SERIES } from '@millrace/stream';
import { checkRun, type SimVerdict } from './checkers.ts';
import { Fates } from './fates.ts';
import { checkOlderLog } from './older-log.ts';
import { checkOtherLog, storeDigest } from './other-log.ts';
import { changedPlan, planRun, type PlanChanges } from './sim-plan.ts';
import { SimWorld } from './sim-world.ts';

export interface SimResult {
  seed: number;
  /** Equal for equal seeds, on any machine. */
  traceHash: string;
  steps: number;
  verdict: SimVerdict;
}

/** One simulated run: everything that happens follows from the seed. */
export async function simulate(seed: number, changes: PlanChanges = {}): Promise<SimResult> {
  const world = new SimWorld(changedPlan(planRun(seed), changes));
  const fates = new Fates(world);
  try {
    await world.run({ second: () => fates.second(), lookAfter: () => fates.lookAfter() });
  } catch (error) {
    world.failures.push(error);
  }
  const verdict = checkRun(world);
  if (world.plan.endsWithOtherLog) verdict.problems.push(...(await checkOtherLog(world)));
  if (world.plan.endsWithOlderLog) verdict.problems.push(...(await checkOlderLog(world)));
  return { seed, traceHash: hashOf(world), steps: world.trace.steps, verdict };
}

/** All that happened, all that was published, and all that is stored. */
function hashOf({ trace, log, partitions, store }: SimWorld): string {
  const hash = createHash('sha256').update(trace.digest()).update(storeDigest(store));
  for (const partition of partitions) {
    const records = log.records(TOPIC_SERIES, partition);
    for (const { payload } of records) hash.update(payload);
  }
  return hash.digest('hex');
}
