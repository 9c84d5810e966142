import { errorKind, type Clock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Producer, type Stream } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord, type ControlRecord } from '@millrace/wire';
import { appendBarrier } from './barrier.ts';
import { checkFoldVersion } from './check-fold-version.ts';
import { checkFrequency } from './check-frequency.ts';
import { checkRulesSize } from './check-size.ts';
import { barriersMissing, notBegun, outrunByOther } from './control-errors.ts';
import {
  begunRules,
  completeChange,
  planRules,
  type RulesChange,
  type RulesPlan,
  type WantedRules,
} from './plan-rules.ts';
import { HistoryReader } from './read-history.ts';
import type { RulesVersion } from './rules-history.ts';

export interface ControlParts {
  stream: Stream;
  clock: Clock;
}

/** With what reads the versions: who applies rules more than once keeps one. */
export interface ChangingParts extends ControlParts {
  history: HistoryReader;
}

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
    const recorded = { after: before.number, plan, wanted };
    const version = plan.isChanged
      ? await recordVersion({ stream, clock, history }, producer, recorded)
      : before;
    return { plan, version, barriers: await tellPartitions(parts, producer, version) };
  } finally {
    await producer.close();
  }
}

/**
 * The version's records, to follow the one numbered `after` (0: none); resolves when it is known
 * that they are the ones that count.
 */
export async function recordVersion(
  { stream, clock, history }: ChangingParts,
  producer: Producer,
  change: Readonly<{ after: number; plan: RulesPlan; wanted: WantedRules }>,
): Promise<RulesVersion> {
  const { after, plan, wanted } = change;
  checkFoldVersion(wanted);
  checkRulesSize(wanted, stream.partitions);
  const known = await history.read();
  const append = async (record: ControlRecord): Promise<number> => {
    const { offset } = await producer.append(TOPIC_CONTROL, 0, encodeControlRecord(record));
    return known.numberAt(offset);
  };
  const editions = plan.unchanged.map(({ edition }) => edition);
  for (const rule of begunRules(plan)) {
    editions.push(await append({ kind: ControlRecordKind.edition, rule }));
  }
  const number = await append({
    kind: ControlRecordKind.rules,
    after,
    editions: editions.sort((a, b) => a - b),
    foldVersion: wanted.foldVersion,
    settings: wanted.settings,
    source: wanted.source,
    appliedAtUs: clock.nowUs(),
  });
  const version = (await history.read()).versions.find((one) => one.number === number);
  if (version === undefined) throw outrunByOther();
  return version;
}

async function tellPartitions(
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
