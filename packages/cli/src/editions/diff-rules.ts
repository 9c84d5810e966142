import { formatWidth } from '@millrace/rules';
import { formatLabels, sortLabels } from '@millrace/model';
import type { DiffChange, DiffCounts, EditionDiff, EditionSize } from '@millrace/store';
import { askCandidates } from './candidates-client.ts';
import { findRuleSet } from './find-rule-set.ts';
import type { Editions } from './open-editions.ts';
import { shownTime } from './shown-time.ts';
import { MillraceError } from '@millrace/runtime';

/** What rules make of the past, beside what those in force have made of it. */
export interface RulesDiff {
  number: number;
  /** RFC 3339; windows that start from then on were compared. */
  since: string;
  rules: RuleDiff[];
  /** Rules that are only there, and only in force. */
  added: string[];
  removed: string[];
}

export interface RuleDiff {
  rule: string;
  /** Editions. */
  before: number;
  after: number;
  windows: DiffCounts;
  series: DiffCounts;
  leftOut: EditionDiff['leftOut'];
  size: { before: EditionSize; after: EditionSize };
  /** The largest first. */
  changes: ShownChange[];
}

export interface ShownChange {
  series: string;
  width: string;
  start: string;
  column: string;
  /** Null: no number there. */
  before: number | null;
  after: number | null;
  relative: number;
}

/** @throws MillraceError CANDIDATE_UNKNOWN, DIFF_RULE; what receiver and store throw. */
export async function diffRules(
  { url, store }: Editions,
  params: Readonly<{
    number: number;
    /** Undefined: as far back as its past was folded, or an hour. */
    sinceUs: number | undefined;
    rule: string | undefined;
    changesMax: number;
    nowUs: number;
  }>,
): Promise<RulesDiff> {
  const { number, rule, changesMax, nowUs } = params;
  const answer = await askCandidates(url);
  const found = findRuleSet(answer, number);
  if (found.isInForce) throw isItself(number);
  const fromUs = params.sinceUs ?? sinceOf(found.since) ?? nowUs - HOUR_US;
  const isWanted = (one: Readonly<{ name: string; drop?: true }>): boolean =>
    one.drop !== true && (rule === undefined || one.name === rule);
  const inForce = new Map(answer.inForce.rules.filter(isWanted).map((one) => [one.name, one]));
  const rules: RuleDiff[] = [];
  const added: string[] = [];
  for (const { name, edition: after = 0 } of found.rules.filter(isWanted)) {
    const { edition: before } = inForce.get(name) ?? {};
    inForce.delete(name);
    if (before === undefined) added.push(name);
    else {
      const range = { fromUs, untilUs: Infinity };
      const diff = await store.diff({ before, after, changesMax, ...range });
      rules.push(ruleDiff({ rule: name, before, after }, diff));
    }
  }
  const removed = [...inForce.keys()];
  if (rules.length + added.length + removed.length === 0) throw noSuchRule(rule);
  return { number, since: shownTime(fromUs) ?? '', rules, added, removed };
}

const HOUR_US = 3_600_000_000;

function sinceOf(since: string | null): number | undefined {
  return since === null ? undefined : Date.parse(since) * 1000;
}

function ruleDiff(
  named: Pick<RuleDiff, 'rule' | 'before' | 'after'>,
  { windows, series, leftOut, before, after, changes }: EditionDiff,
): RuleDiff {
  const size = { before, after };
  return { ...named, windows, series, leftOut, size, changes: changes.map(shownChange) };
}

function shownChange(change: DiffChange): ShownChange {
  const { metric, labels, widthUs, startUs, column, before, after, relative } = change;
  const series = sortLabels(Object.entries({ ...labels, __name__: metric }));
  return {
    ...{ series: formatLabels(series), width: formatWidth(widthUs) },
    ...{ start: shownTime(startUs) ?? '', column, relative },
    ...{ before: before ?? null, after: after ?? null },
  };
}

function isItself(number: number): MillraceError {
  return new MillraceError({
    code: 'DIFF_IN_FORCE',
    kind: 'permanent',
    message: `The rules numbered ${number} are in force, and would be compared with themselves.`,
    remedy: 'Name the ones of before: "millrace edition list" shows them.',
  });
}

function noSuchRule(rule: string | undefined): MillraceError {
  return new MillraceError({
    code: 'DIFF_RULE',
    kind: 'permanent',
    message: `Neither has a rule ${rule ?? ''} that folds anything.`,
    remedy: 'Look at their names with "millrace edition list".',
  });
}
