import type { PromotedRule } from '@millrace/store';
import type { Colours } from '../console-output.ts';
import { formatTable } from '../text-table.ts';
import type { Promoted } from './promote.ts';
import type { RolledBack } from './roll-back.ts';
import { shownTime } from './shown-time.ts';

/** From when on what will be shown, before it is. */
export function formatPromotion(
  { rules, endsFolding }: Pick<Promoted, 'rules' | 'endsFolding'>,
  colours: Colours,
): string {
  const columns = [{ title: 'rule' }, { title: 'edition' }, { title: 'shown from' }];
  const rows = rules.map(({ rule, edition, fromUs }) => [
    rule,
    edition === undefined ? 'shown no more' : String(edition),
    shownTime(fromUs) ?? 'always',
  ]);
  const table = formatTable(columns, rows, colours);
  if (!endsFolding) return table;
  return `${table}\nIts past is not folded to its end, and folding it ends with the promotion.`;
}

export function promotedLines({ number, version, isRepeated, replaced }: Promoted): string[] {
  if (version === undefined) return ['Nothing was changed.'];
  if (isRepeated)
    return [`Nothing was left to do: ${number} is in force, and shown from these times on.`];
  return [
    `${number} is in force as version ${version}, and shown from these times on.`,
    ...(replaced === undefined ? [] : [`The rules of before are folded on as ${replaced}.`]),
    'Back within a second: "millrace edition rollback".',
  ];
}

export function rolledBackLines({ number, version, restored, rules }: RolledBack): string[] {
  return [
    rules.length === 0
      ? 'The store had been rolled back before; the log now is as well.'
      : 'What was shown before the promotion is shown again.',
    `The rules that were ${restored} are in force as version ${version}.`,
    ...(number === null
      ? []
      : [`${number} is folded on: promote it again, or "millrace edition drop ${number}".`]),
  ];
}

/** For programs: times as text, what is not there as null. */
export function promotionJson(rules: readonly PromotedRule[]): unknown {
  return rules.map(({ rule, edition, fromUs }) => {
    return { rule, edition: edition ?? null, from: shownTime(fromUs) };
  });
}
