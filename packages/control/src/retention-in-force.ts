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
  const said = wordsOf(newest.source, newest);
  const gone = goneRules(versions, newest);
  const inForce = {
    rules: [...said.rules, ...gone.flatMap(({ rules }) => rules)],
    tenants: gone.reduce((tenants, one) => withRules(tenants, one.tenants), said.tenants),
  };
  return [inForce, ...newest.candidates.map(({ source }) => wordsOf(source, newest))];
}

/** What was said last of rules that are gone, the newest first: of all, and by tenants. */
function goneRules(versions: readonly RulesVersion[], newest: RulesVersion): RetentionWords[] {
  const known = new Set(namesOf(newest));
  const read = new Map<string, RetentionWords>();
  return versions.toReversed().flatMap((version) => {
    const gone = namesOf(version).filter((name) => !known.has(name));
    if (gone.length === 0) return [];
    for (const name of gone) known.add(name);
    const words = read.get(version.source) ?? wordsOf(version.source, newest);
    read.set(version.source, words);
    const ofGone = (rules: RetentionWords['rules']): RetentionWords['rules'] =>
      rules.filter(({ rule }) => gone.includes(rule));
    const tenants = words.tenants.map(({ tenant, rules }) => ({ tenant, rules: ofGone(rules) }));
    return [{ rules: ofGone(words.rules), tenants }];
  });
}

/** What tenants say still, and of rules of which they say nothing any more what they said last. */
function withRules(
  tenants: RetentionWords['tenants'],
  before: RetentionWords['tenants'],
): RetentionWords['tenants'] {
  const all = new Map(tenants.map((one) => [one.tenant, one]));
  for (const { tenant, rules } of before) {
    const known = all.get(tenant) ?? { tenant, rules: [] };
    const names = new Set(known.rules.map(({ rule }) => rule));
    const more = rules.filter(({ rule }) => !names.has(rule));
    if (more.length > 0) all.set(tenant, { ...known, rules: [...known.rules, ...more] });
  }
  return [...all.values()];
}

function namesOf({ rules }: RulesVersion): string[] {
  return rules.rules.map(({ name }) => name);
}

function wordsOf(source: string, { number }: RulesVersion): RetentionWords {
  const words = readRetentionWords(source);
  if (words === undefined) throw retentionUnreadable(number);
  return words;
}
