import { errorKind } from '@millrace/runtime';
import type { Producer } from '@millrace/stream';
import { appendBarrier } from './barrier.ts';
import { checkFrequency } from './check-frequency.ts';
import { barriersMissing, notBegun } from './control-errors.ts';
import type { ChangingParts, ControlParts } from './control-parts.ts';
import { completeChange, planRules, type RulesChange, type RulesPlan } from './plan-rules.ts';
import { HistoryReader } from './read-history.ts';
import { nextVersion, recordVersion } from './record-version.ts';
import type { RulesVersion } from './rules-history.ts';

export interface AppliedRules {
  plan: RulesPlan;
  /** What is in force now. */
  version: RulesVersion;
  /** The offset of the barrier in each partition of `metrics.events`. */
  barriers: number[];
}

/**
 * Brings rules into force from here on: a version in `metrics.control`, then a barrier in every
 * partition of the events. May die anywhere and be repeated: what is there already is not done
 * again, and barriers that are there twice change nothing.
 *
 * @throws MillraceError RULES_OUTRUN when somebody else applied rules at the same time;
 *   RULES_BARRIERS_MISSING when a partition could not be told; RULES_TOO_BIG; RULES_FOLD_VERSION;
 *   what the log throws.
 */
export async function applyRules(
  parts: ControlParts & Partial<ChangingParts>,
  change: RulesChange,
): Promise<AppliedRules> {
  const { stream, clock, history = new HistoryReader(stream) } = parts;
  const known = await history.read();
  const before = known.newest;
  if (before === undefined) throw notBegun();
  const wanted = completeChange(change, before);
  const plan = planRules(before, wanted);
  if (plan.isChanged) checkFrequency(known.versions, clock.nowUs());
  const producer = stream.producer();
  try {
    const version = plan.isChanged
      ? await recordVersion({ stream, clock, history }, producer, nextVersion(before, plan, wanted))
      : before;
    return { plan, version, barriers: await tellPartitions(parts, producer, version) };
  } finally {
    await producer.close();
  }
}

/** Appends the version's barrier to every partition; resolves with their offsets. */
export async function tellPartitions(
  { stream, clock }: ControlParts,
  producer: Producer,
  version: RulesVersion,
): Promise<number[]> {
  const partitions = Array.from({ length: stream.partitions }, (_, partition) => partition);
  const parts = { producer, clock, partitions: stream.partitions };
  const told = await Promise.allSettled(
    partitions.map(async (partition) => await appendBarrier(parts, partition, version)),
  );
  const missing = partitions.filter((partition) => told[partition]?.status === 'rejected');
  if (missing.length === 0) {
    return told.map((one) => (one.status === 'fulfilled' ? one.value : NaN));
  }
  const failed = told.find((one) => one.status === 'rejected');
  if (errorKind(failed?.reason) === 'defect') throw failed?.reason;
  throw barriersMissing(version.number, missing, failed?.reason);
}
