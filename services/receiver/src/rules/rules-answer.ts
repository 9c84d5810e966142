import type { AppliedRules, RulesHistory, RulesPlan, RulesVersion } from '@millrace/control';
import {
  parseRules,
  writtenRule,
  type CompiledRule,
  type CompiledRules,
  type Rule,
  type RuleFile,
  type Tenant,
} from '@millrace/rules';
import type { FoldSettings } from '@millrace/wire';

/** A rule as a file has it; the edition is absent while it has none yet. */
export interface ShownRule extends Rule {
  edition?: number;
}

/** What `GET /api/v1/rules` answers: one version, and the list of all. */
export interface RulesAnswer {
  version: number;
  /** The version in force. */
  newest: number;
  /** RFC 3339. */
  applied: string;
  /** P. */
  partitions: number;
  foldVersion: number;
  settings: FoldSettings;
  /** Ascending by edition. */
  rules: ShownRule[];
  /** How long what is kept of some tenants. */
  tenants: Tenant[];
  /** The same in the form that the log carries. */
  compiled: CompiledRules;
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  /** The newest first, as many as `versionsLeftOut` says are missing at the end. */
  versions: VersionSummary[];
  versionsLeftOut: number;
}

/** One version, and what it changed by name. */
export interface VersionSummary {
  version: number;
  /** RFC 3339. */
  applied: string;
  added: string[];
  changed: string[];
  removed: string[];
  /** Names of fold settings. */
  settings: string[];
  foldVersion: { from: number; to: number } | null;
  /** Nothing but how long rows are kept. */
  retention: boolean;
}

/** What `POST /api/v1/rules` answers. */
export interface RulesChangeAnswer {
  /** False: what is in force already is what is wanted. */
  changed: boolean;
  /** The version in force now; with `?plan=true` the one that would be replaced. */
  version: number;
  plan: ShownPlan;
  /** By partition, the offset of the barrier that tells it; empty with `?plan=true`. */
  barriers: number[];
}

export interface ShownPlan {
  added: ShownRule[];
  changed: { rule: string; from: ShownRule; to: ShownRule }[];
  removed: ShownRule[];
  unchanged: ShownRule[];
  settings: { name: string; from: number; to: number }[];
  foldVersion: { from: number; to: number } | null;
  /** Rows are kept for another time. */
  retention: boolean;
}

/** A longer list helps nobody; older ones can still be asked for by number. */
const VERSIONS_SHOWN_MAX = 1000;

export function rulesAnswer(
  shown: RulesVersion,
  history: RulesHistory,
  partitions: number,
): RulesAnswer {
  const { versions } = history;
  const parsed = parseRules(shown.source);
  const file: RuleFile = parsed.ok ? parsed.file : { rules: [] };
  const from = Math.max(0, versions.length - VERSIONS_SHOWN_MAX);
  const summaries = versions.slice(from).map((one, i) => summaryOf(one, versions[from + i - 1]));
  return {
    version: shown.number,
    newest: history.newest?.number ?? shown.number,
    applied: timeText(shown.appliedAtUs),
    partitions,
    foldVersion: shown.foldVersion,
    settings: shown.settings,
    rules: shown.rules.rules.map((rule) => ({ ...shownRule(rule), ...keepOf(file, rule) })),
    tenants: [...(file.tenants ?? [])],
    compiled: shown.rules,
    source: shown.source,
    versions: summaries.toReversed(),
    versionsLeftOut: from,
  };
}

/** The answer to a change; without `barriers` it was only planned. */
export function changeAnswer(
  applied: Pick<AppliedRules, 'plan' | 'version'> & Partial<Pick<AppliedRules, 'barriers'>>,
): RulesChangeAnswer {
  const { plan, version, barriers } = applied;
  const isDone = barriers !== undefined;
  const edition = new Map(version.rules.rules.map((rule) => [rule.name, rule]));
  const begun = (rule: CompiledRule): ShownRule => {
    const recorded = isDone ? edition.get(rule.name) : undefined;
    return recorded === undefined ? writtenRule(rule) : shownRule(recorded);
  };
  return {
    changed: plan.isChanged,
    version: version.number,
    plan: shownPlan(plan, begun),
    barriers: barriers ?? [],
  };
}

/** The rules of a plan have placeholders for editions: `begun` shows them as they are. */
function shownPlan(plan: RulesPlan, begun: (rule: CompiledRule) => ShownRule): ShownPlan {
  const { added, changed, removed, unchanged, settings, foldVersion } = plan;
  const { isRetentionChanged: retention } = plan;
  return {
    added: added.map(begun),
    changed: changed.map(({ from, to }) => {
      return { rule: to.name, from: shownRule(from), to: begun(to) };
    }),
    removed: removed.map(shownRule),
    unchanged: unchanged.map(shownRule),
    settings,
    foldVersion: foldVersion ?? null,
    retention,
  };
}

/** By the numbers of the editions: a rule that was changed has another one. */
function summaryOf(version: RulesVersion, before: RulesVersion | undefined): VersionSummary {
  const editions = new Map(before?.rules.rules.map(({ name, edition }) => [name, edition]));
  const added: string[] = [];
  const changed: string[] = [];
  for (const { name, edition } of version.rules.rules) {
    const known = editions.get(name);
    if (known === undefined) added.push(name);
    else if (known !== edition) changed.push(name);
    editions.delete(name);
  }
  const removed = [...editions.keys()];
  const settings = (Object.keys(version.settings) as (keyof FoldSettings)[]).filter((name) => {
    return before !== undefined && before.settings[name] !== version.settings[name];
  });
  const from = before?.foldVersion ?? version.foldVersion;
  const foldVersion = from === version.foldVersion ? null : { from, to: version.foldVersion };
  const others = [added, changed, removed, settings].some(({ length }) => length > 0);
  // A version says something, or there would be none.
  const retention =
    before !== undefined && !others && foldVersion === null && before.source !== version.source;
  return {
    ...{ version: version.number, applied: timeText(version.appliedAtUs) },
    ...{ added, changed, removed, settings, foldVersion, retention },
  };
}

/** An edition does not say it: it may change while that stays. */
function keepOf({ rules }: RuleFile, { name }: CompiledRule): Pick<Rule, 'keep'> {
  const keep = rules.find((one) => one.name === name)?.keep;
  return keep === undefined ? {} : { keep };
}

export function shownRule(rule: CompiledRule): ShownRule {
  const { name, ...rest } = writtenRule(rule);
  return { name, edition: rule.edition, ...rest };
}

export function timeText(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString();
}
