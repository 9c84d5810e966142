import { foldVersionNeeded, readCompiledRules, type CompiledRules } from '@millrace/rules';
import { FOLD_VERSIONS, type BarrierRecord } from '@millrace/wire';
import { checkSettings, checkSettingsChange } from './check-settings.ts';
import { badSettings, editionReused, foldVersionUnknown } from './fold-errors.ts';
import type { FoldTables } from './partition-state.ts';

/** What brought the rules, settings and fold version in force. */
export type BarrierInForce = Pick<BarrierRecord, 'number' | 'foldVersion' | 'settings' | 'rules'>;

/** A barrier that is to be taken, understood as a whole. */
export interface ReadBarrier {
  barrier: BarrierInForce;
  rules: CompiledRules;
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
  const inForce = tables?.barrier.number ?? 0;
  if (record.number <= inForce || record.after > inForce) return undefined;
  const { number, foldVersion, settings } = record;
  if (!FOLD_VERSIONS.includes(foldVersion)) throw foldVersionUnknown(foldVersion, FOLD_VERSIONS);
  const rules = readCompiledRules(record.rules);
  checkNeeded(rules, foldVersion);
  checkSettings(settings, rules);
  if (tables !== undefined) {
    checkSettingsChange(tables.settings, settings);
    const reused = tables.editions.findReused(rules);
    if (reused !== undefined) throw editionReused(offset, reused);
  }
  return { barrier: { number, foldVersion, settings, rules: record.rules }, rules };
}

function checkNeeded(rules: CompiledRules, foldVersion: number): void {
  const needed = foldVersionNeeded(rules);
  if (needed <= foldVersion) return;
  throw badSettings(`its rules need fold version ${needed}, and it asks for ${foldVersion}`);
}
