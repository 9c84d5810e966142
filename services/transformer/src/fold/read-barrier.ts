import { foldVersionNeeded, readCompiledRules, type CompiledRules } from '@millrace/rules';
import { FOLD_VERSIONS, type BarrierRecord, type FoldSettings } from '@millrace/wire';
import { checkSettings, checkSettingsChange } from './check-settings.ts';
import { setsOf, type NextRules } from './editions.ts';
import { badSettings, editionReused, foldVersionUnknown } from './fold-errors.ts';
import type { FoldTables } from './partition-state.ts';

/** What brought the rules, settings and fold version in force. */
export type BarrierInForce = Pick<
  BarrierRecord,
  'number' | 'foldVersion' | 'settings' | 'rules' | 'candidates'
>;

/** A barrier that is to be taken, understood as a whole. */
export interface ReadBarrier {
  barrier: BarrierInForce;
  rules: NextRules;
}

/**
 * Reads a barrier before anything is changed. Undefined: it is not to be taken, because what is in
 * force is as new, or older than the version this one follows.
 *
 * @throws MillraceError (permanent) when the partition cannot be folded on behind it.
 */
export function readBarrier(
  record: BarrierRecord,
  offset: number,
  tables: FoldTables | undefined,
): ReadBarrier | undefined {
  if (!isNextBarrier(record, tables)) return undefined;
  const { number, foldVersion, settings } = record;
  if (!FOLD_VERSIONS.includes(foldVersion)) throw foldVersionUnknown(foldVersion, FOLD_VERSIONS);
  const rules = rulesOfBarrier(record);
  for (const set of setsOf(rules)) checkNeeded(set, foldVersion);
  checkBarrierSettings(settings, rules);
  if (tables !== undefined) {
    checkSettingsChange(tables.settings, settings);
    const reused = tables.editions.findReused(rules);
    if (reused !== undefined) throw editionReused(offset, reused);
  }
  const { candidates } = record;
  const barrier = { number, foldVersion, settings, rules: record.rules };
  return { barrier: candidates === undefined ? barrier : { ...barrier, candidates }, rules };
}

/** Whether it is to be taken: it is newer than what is in force, and nothing is missing between. */
export function isNextBarrier(
  { number, after }: BarrierRecord,
  tables: Pick<FoldTables, 'barrier'> | undefined,
): boolean {
  const inForce = tables?.barrier.number ?? 0;
  return number > inForce && after <= inForce;
}

/**
 * The rules that it brings, and those beside them.
 *
 * @throws MillraceError RULES_UNREADABLE.
 */
export function rulesOfBarrier({
  rules,
  candidates = [],
}: Pick<BarrierRecord, 'rules' | 'candidates'>): NextRules {
  return {
    rules: readCompiledRules(rules),
    candidates: candidates.map((one) => {
      return { number: one.number, rules: readCompiledRules(one.rules) };
    }),
  };
}

/**
 * Refuses settings that cannot be, under any of the rules.
 *
 * @throws MillraceError FOLD_SETTINGS
 */
export function checkBarrierSettings(settings: FoldSettings, rules: NextRules): void {
  for (const set of setsOf(rules)) checkSettings(settings, set);
}

function checkNeeded(rules: CompiledRules, foldVersion: number): void {
  const needed = foldVersionNeeded(rules);
  if (needed <= foldVersion) return;
  throw badSettings(`its rules need fold version ${needed}, and it asks for ${foldVersion}`);
}
