import { foldVersionNeeded } from '@millrace/rules';
import { FOLD_VERSIONS } from '@millrace/wire';
import { foldVersionLacking, foldVersionTooOld } from './control-errors.ts';
import type { WantedRules } from './plan-rules.ts';

/**
 * Refuses what every partition would stop at.
 *
 * @throws MillraceError (permanent) RULES_FOLD_VERSION.
 */
export function checkFoldVersion({ rules, foldVersion }: WantedRules): void {
  if (!FOLD_VERSIONS.includes(foldVersion)) throw foldVersionLacking(foldVersion, FOLD_VERSIONS);
  const needed = foldVersionNeeded(rules);
  if (needed > foldVersion) throw foldVersionTooOld(needed, foldVersion);
}
