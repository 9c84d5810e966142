import { isDeepStrictEqual } from 'node:util';
import {
  editionKey,
  readRetentionWords,
  withoutEdition,
  type CompiledRule,
  type CompiledRules,
} from '@millrace/rules';
import type { FoldSettings } from '@millrace/wire';
import type { RulesVersion } from './rules-history.ts';

/** Rules as somebody wants them to be. Their editions are placeholders. */
export interface WantedRules {
  rules: CompiledRules;
  settings: FoldSettings;
  foldVersion: number;
  /** The rule file as a person wrote it; empty: none. */
  source: string;
}

/** Rules as somebody applies them: what is not said stays as it is in force. */
export type RulesChange = Partial<WantedRules>;

/** The change with what is in force where it says nothing. */
export function completeChange(change: RulesChange, inForce: RulesVersion): WantedRules {
  const { rules, source, settings, foldVersion } = inForce;
  return { rules, source, settings, foldVersion, ...change };
}

/** What applying rules changes, by the names of the rules. */
export interface RulesPlan {
  /** False: what is in force already is what is wanted. */
  isChanged: boolean;
  /** Rules that nobody had before. */
  added: CompiledRule[];
  /** Rules that get a new edition, beside the one they have. */
  changed: { from: CompiledRule; to: CompiledRule }[];
  removed: CompiledRule[];
  /** With the editions they have. */
  unchanged: CompiledRule[];
  /** Fold settings that change. */
  settings: { name: keyof FoldSettings; from: number; to: number }[];
  foldVersion: { from: number; to: number } | undefined;
  /** Something is kept for another time; no rule gets another edition by that. */
  isRetentionChanged: boolean;
}

/** Compares what is in force with what is wanted: only what differs gets a new edition. */
export function planRules(inForce: RulesVersion | undefined, wanted: WantedRules): RulesPlan {
  const known = new Map(inForce?.rules.rules.map((rule) => [rule.name, rule]));
  const keyOf = (rule: CompiledRule): string | undefined =>
    inForce === undefined ? undefined : editionKey(rule, inForce.rules);
  const plan: RulesPlan = {
    isChanged: false,
    added: [],
    changed: [],
    removed: [],
    unchanged: [],
    settings: inForce === undefined ? [] : changedSettings(inForce.settings, wanted.settings),
    foldVersion:
      inForce === undefined || inForce.foldVersion === wanted.foldVersion
        ? undefined
        : { from: inForce.foldVersion, to: wanted.foldVersion },
    isRetentionChanged: inForce !== undefined && saysOtherRetention(inForce.source, wanted.source),
  };
  for (const rule of wanted.rules.rules) {
    const before = known.get(rule.name);
    known.delete(rule.name);
    if (before === undefined) plan.added.push(rule);
    else if (keyOf(before) === editionKey(rule, wanted.rules)) plan.unchanged.push(before);
    else plan.changed.push({ from: before, to: rule });
  }
  plan.removed = [...known.values()];
  const { added, changed, removed, settings, foldVersion } = plan;
  const differences = added.length + changed.length + removed.length + settings.length;
  const isOther = foldVersion !== undefined || plan.isRetentionChanged;
  plan.isChanged = inForce === undefined || differences > 0 || isOther;
  return plan;
}

function saysOtherRetention(from: string, to: string): boolean {
  return from !== to && !isDeepStrictEqual(readRetentionWords(from), readRetentionWords(to));
}

function changedSettings(from: FoldSettings, to: FoldSettings): RulesPlan['settings'] {
  return (Object.keys(to) as (keyof FoldSettings)[])
    .filter((name) => !isDeepStrictEqual(from[name], to[name]))
    .map((name) => ({ name, from: from[name], to: to[name] }));
}

/** Rules that need an edition record of their own, in the order of the file. */
export function begunRules({ added, changed }: RulesPlan): ReturnType<typeof withoutEdition>[] {
  const begun = [...added, ...changed.map(({ to }) => to)];
  return begun.toSorted((a, b) => a.edition - b.edition).map(withoutEdition);
}
