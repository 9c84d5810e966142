import { audit, AUDIT_DEFAULTS, type AuditReport, type Finding } from '@millrace/audit';
import { createMemoryStoreReader } from '@millrace/store/memory';
import { expect, test } from 'vitest';
import { Fates } from './fates.ts';
import { changedPlan, planRun } from './sim-plan.ts';
import { SimWorld } from './sim-world.ts';

const SEEDS = Array.from({ length: 8 }, (_, i) => 101 + i);

/** Two ways that share no code with each other agree on every run. */
test.each(SEEDS)('both audits prove what the stages did under faults, seed %i', async (seed) => {
  // Both read from the first record on.
  const stream = { retentionMs: 1e12 };
  const world = new SimWorld(changedPlan(planRun(seed), { stream }));
  const fates = new Fates(world);
  await world.run({ second: () => fates.second(), lookAfter: () => fates.lookAfter() });
  for (const isDeep of [false, true]) {
    const { findings, rows, partitions } = await auditOf(world, isDeep);
    expect(findings.filter((finding) => !isOfLostResults(finding, world))).toEqual([]);
    expect(rows['samples']).toBe(world.store.samples.length);
    expect(partitions.some(({ samples }) => samples > 0)).toBe(true);
  }
});

/**
 * An append that failed may appear when the log has lost what came after it: then the log has a
 * hole, and the audit is right to tell it. Nothing but a loss makes one.
 */
function isOfLostResults({ kind, partition }: Finding, { lostResults }: SimWorld): boolean {
  return kind === 'series_gap' && partition !== undefined && lostResults.has(partition);
}

async function auditOf({ log, clock, store }: SimWorld, isDeep: boolean): Promise<AuditReport> {
  const stream = log.open();
  const reader = createMemoryStoreReader(store);
  // The virtual hours in which windows become final are no reason to miss anything.
  const settings = { ...AUDIT_DEFAULTS, isDeep };
  try {
    return await audit({ stream, store: reader, clock }, settings);
  } finally {
    await stream.close();
  }
}
