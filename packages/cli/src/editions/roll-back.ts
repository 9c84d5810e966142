import type { CandidatesAnswer, ShownRule, VersionSummary } from '@millrace/receiver';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import type { EditionList, ListedPromotion, PromotedRule } from '@millrace/store';
import { askRules } from '../receiver-client.ts';
import { askCandidates, sendChange } from './candidates-client.ts';
import type { Editions } from './open-editions.ts';
import { promotionInForce } from './promote.ts';
import { areShown, isHidden } from './rule-sets.ts';

export interface RolledBack {
  /** The rules that are not shown any more; null: they never were a candidate. */
  number: number | null;
  /** The version that brings those of before back into force. */
  version: number;
  /** What those of before were called meanwhile. */
  restored: number;
  /** What was shown until now; empty: the store had been rolled back before. */
  rules: readonly PromotedRule[];
}

/** Versions without other rules that may lie between: settings and ways to fold. */
const VERSIONS_BACK_MAX = 20;

/**
 * Shows again what was shown before the rules in force were promoted: the store first, in one
 * transaction, then the log. Whoever dies between, repeats it.
 *
 * @throws MillraceError NOTHING_PROMOTED, ROLLBACK_GONE, ROLLBACK_INCOMPLETE; what receiver and
 *   store throw.
 */
export async function rollBack({ url, store }: Editions): Promise<RolledBack> {
  const [answer, stored, { versions }] = await Promise.all([
    askCandidates(url),
    store.list(),
    askRules(url),
  ]);
  const { inForce, candidates } = answer;
  const promotion = promotionInForce(answer, stored);
  const begun = inForceSince(answer, versions);
  if (promotion === undefined && !isHidden(answer, stored)) throw nothingPromoted(answer, begun);
  const before = await rulesBefore(url, answer, { promotion, stored, versions });
  const restored = candidates.find(({ rules }) => isSame(rules, before));
  if (restored === undefined) throw gone(begun);
  const { version } = promotion ?? inForce;
  const rules = await store.rollBack({ version });
  try {
    const changed = await sendChange(url, restored.number, 'promote');
    const { number } = restored;
    return { number: inForce.candidate, version: changed.version, restored: number, rules };
  } catch (error) {
    throw incomplete(error);
  }
}

/**
 * The newest rules that were in force before those that are, counted from the promotion: going back
 * from others may have brought these into force again. Without one the store shows already, or
 * still, what is to be in force.
 */
async function rulesBefore(
  url: string,
  { inForce }: CandidatesAnswer,
  {
    promotion,
    stored,
    versions,
  }: {
    promotion: ListedPromotion | undefined;
    stored: EditionList;
    versions: readonly VersionSummary[];
  },
): Promise<ShownRule[]> {
  const from = promotion?.version ?? inForce.version;
  const at = versions.findIndex(({ version }) => version === from);
  for (const { version } of versions.slice(at + 1, at + 1 + VERSIONS_BACK_MAX)) {
    const { rules } = await askRules(url, String(version));
    if (isSame(rules, inForce.rules)) continue;
    if (promotion !== undefined || areShown(rules, stored)) return rules;
  }
  return [];
}

function isSame(a: readonly ShownRule[], b: readonly ShownRule[]): boolean {
  return a.length === b.length && a.every(({ edition }, i) => edition === b[i]?.edition);
}

/**
 * The version that brought the rules in force. The newest one may be another: a candidate that
 * begins is a version too, and gives the candidate its number.
 */
function inForceSince({ inForce }: CandidatesAnswer, versions: readonly VersionSummary[]): number {
  const brought = versions.find(({ added, changed, removed }) => {
    return [added, changed, removed].some(({ length }) => length > 0);
  });
  return brought?.version ?? inForce.version;
}

function nothingPromoted({ candidates }: CandidatesAnswer, since: number): MillraceError {
  return new MillraceError({
    code: 'NOTHING_PROMOTED',
    kind: 'permanent',
    message:
      `The rules in force since version ${since} are shown and were not promoted: there is ` +
      'nothing to roll back. Nothing was changed.' +
      candidates.map(({ number }) => ` ${number} is a candidate, and is not shown.`).join(''),
    remedy:
      'Apply the rules you want with "millrace rules apply"; "millrace rules list --versions" ' +
      'shows those there were.' +
      (candidates.length === 0
        ? ''
        : ' A candidate is shown by "millrace edition promote NUMBER", and given up by ' +
          '"millrace edition drop NUMBER".'),
  });
}

function gone(since: number): MillraceError {
  return new MillraceError({
    code: 'ROLLBACK_GONE',
    kind: 'permanent',
    message:
      `The rules that were in force before version ${since} are not folded any more: ` +
      'they were dropped. Nothing was changed.',
    remedy: 'Fold them again with "millrace reprocess"; "millrace rules show VERSION" has them.',
  });
}

function incomplete(cause: unknown): MillraceError {
  if (errorKind(cause) === 'defect') throw cause;
  return new MillraceError({
    code: 'ROLLBACK_INCOMPLETE',
    kind: errorKind(cause),
    message:
      'What is shown is what it was before, and the log still has the other rules in force: ' +
      `${errorText(cause)}`,
    remedy: 'Run "millrace edition rollback" again: it completes what is missing.',
    cause,
  });
}
