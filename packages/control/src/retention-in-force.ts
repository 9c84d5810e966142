import { readRetentionWords, type RetentionWords } from '@millrace/rules';
import { notBegun, retentionUnreadable } from './control-errors.ts';
import type { RulesHistory, RulesVersion } from './rules-history.ts';

/**
 * What rule files say about how long rows are kept: that of the rules in force, and those of what
 * is folded beside them, which may be kept to be rolled back to. A rule that was taken out of the
 * file has windows still: for them holds what was said of it last.
 *
 * @throws MillraceError (permanent) CONTROL_RETENTION: one of them is not understood, and nothing
 *   may be deleted by what the others say; CONTROL_NOT_BEGUN.
 */
export function retentionInForce({ newest, versions }: RulesHistory): RetentionWords[] {
  if (newest === undefined) throw notBegun();
  const { rules, tenants } = wordsOf(newest.source, newest);
  const inForce = { rules: [...rules, ...goneRules(versions, newest)], tenants };
  return [inForce, ...newest.candidates.map(({ source }) => wordsOf(source, newest))];
}

function goneRules(
  versions: readonly RulesVersion[],
  newest: RulesVersion,
): RetentionWords['rules'] {
  const known = new Set(namesOf(newest));
  const read = new Map<string, RetentionWords>();
  return versions.toReversed().flatMap((version) => {
    const gone = namesOf(version).filter((name) => !known.has(name));
    if (gone.length === 0) return [];
    for (const name of gone) known.add(name);
    const words = read.get(version.source) ?? wordsOf(version.source, newest);
    read.set(version.source, words);
    return words.rules.filter(({ rule }) => gone.includes(rule));
  });
}

function namesOf({ rules }: RulesVersion): string[] {
  return rules.rules.map(({ name }) => name);
}

function wordsOf(source: string, { number }: RulesVersion): RetentionWords {
  const words = readRetentionWords(source);
  if (words === undefined) throw retentionUnreadable(number);
  return words;
}
