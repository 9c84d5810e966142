import type { CandidatesAnswer } from '@millrace/receiver';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import type { EditionList, ListedPromotion, PromotedRule } from '@millrace/store';
import { askCandidates, sendChange } from './candidates-client.ts';
import { findRuleSet } from './find-rule-set.ts';
import type { Editions } from './open-editions.ts';
import { foldingEditions } from './rule-sets.ts';

export interface Promoted {
  number: number;
  /** The version that brought the rules into force; undefined: it was only planned. */
  version: number | undefined;
  /** Nothing was left to do. */
  isRepeated: boolean;
  /** What the rules of before are called now; undefined: nothing changed place. */
  replaced: number | undefined;
  /** Its past is not folded to its end, and is not folded on once it is promoted. */
  endsFolding: boolean;
  rules: readonly PromotedRule[];
}

/**
 * Shows rules that were folded beside those in force. First it is asked whether the store would;
 * then they come into force in the log, which changes nothing that anybody sees; then the store
 * shows them. Whoever dies between, repeats it.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN, PROMOTION_INCOMPLETE; what receiver and store throw.
 */
export async function promote(
  { url, store }: Editions,
  params: Readonly<{
    number: number;
    fromUs: number | undefined;
    isPlan: boolean;
    onPlan: (plan: Pick<Promoted, 'rules' | 'endsFolding'>) => void;
  }>,
): Promise<Promoted> {
  const { number, fromUs, isPlan, onPlan } = params;
  const answer = await askCandidates(url);
  const { rules, isInForce } = findRuleSet(answer, number);
  const editions = foldingEditions(rules);
  const stored = await store.list();
  const done = isInForce ? promotionInForce(answer, stored) : undefined;
  if (done !== undefined) {
    const { version, rules: shown } = done;
    const what = { replaced: undefined, endsFolding: false, rules: shown };
    return { number, version, isRepeated: true, ...what };
  }
  const planned = await store.rehearse({ editions, fromUs });
  const endsFolding = areJobsUnderWay(stored, editions);
  onPlan({ rules: planned, endsFolding });
  const plan = { number, version: undefined, isRepeated: false, replaced: undefined, endsFolding };
  if (isPlan) return { ...plan, rules: planned };
  const { version, candidate } = await sendChange(url, number, 'promote');
  try {
    const promoted = await store.promote({ version, editions, fromUs });
    return { ...plan, version, replaced: candidate?.number, rules: promoted };
  } catch (error) {
    throw incomplete(number, error);
  }
}

/**
 * The promotion by which the rules in force are shown; undefined: they are not, by any. The same
 * may have been promoted before, and others since: that one does not count.
 */
export function promotionInForce(
  { inForce }: CandidatesAnswer,
  { promotions }: EditionList,
): ListedPromotion | undefined {
  const wanted = foldingEditions(inForce.rules);
  const at = promotions.findLastIndex(({ rules }) => {
    const shown = new Set(rules.flatMap(({ edition }) => edition ?? []));
    // Rules that all drop are those that nothing is shown of.
    if (wanted.length === 0) return shown.size === 0;
    return wanted.every((edition) => shown.has(edition));
  });
  const found = promotions[at];
  if (found === undefined) return undefined;
  const names = new Set(found.rules.map(({ rule }) => rule));
  const isOvertaken = promotions
    .slice(at + 1)
    .some(({ rules }) => rules.some(({ rule }) => names.has(rule)));
  return isOvertaken ? undefined : found;
}

/** Whether jobs still fold the past of some of these editions. */
function areJobsUnderWay(stored: EditionList, editions: readonly number[]): boolean {
  return stored.editions.some(({ edition, candidate }) => {
    if (candidate === undefined || !editions.includes(edition)) return false;
    return stored.jobs.get(candidate)?.some(({ isClosed }) => !isClosed);
  });
}

function incomplete(number: number, cause: unknown): MillraceError {
  if (errorKind(cause) === 'defect') throw cause;
  return new MillraceError({
    code: 'PROMOTION_INCOMPLETE',
    kind: errorKind(cause),
    message:
      `The rules numbered ${number} are in force in the log, and the store does not show them ` +
      `yet: ${errorText(cause)} What is shown is what it was; nothing is lost.`,
    remedy: `Run "millrace edition promote ${number}" again: it completes what is missing.`,
    cause,
  });
}
