import type { CandidatesAnswer, ShownRule } from '@millrace/receiver';
import { formatWidth } from '@millrace/rules';
import type { EditionList, EditionSize, JobProgress, ListedEdition } from '@millrace/store';
import { shownTime } from './shown-time.ts';

/** Rules that are folded together, as log and store know them: those in force, or a candidate. */
export interface RuleSet {
  /** What commands call it; null: it is in force and never was a candidate. */
  number: number | null;
  state: 'in force' | 'candidate';
  /** RFC 3339: its past is folded from then on. Null: it was in force, and has its own past. */
  since: string | null;
  begun: string | null;
  /** Null: nothing of its past is to be folded. */
  jobs: JobsSummary | null;
  /** What was begun and not completed, and the command that does; null: nothing. */
  unfinished: string | null;
  rules: RuleSetRule[];
}

export interface JobsSummary {
  /** In how many partitions they have ended, of how many. */
  ended: number;
  partitions: number;
  /** Of the log's positions that they have to reach: 0 to 1. */
  share: number;
  paused: boolean;
  /** In all partitions; null: as fast as it can. */
  samplesPerSecond: number | null;
}

export interface RuleSetRule {
  rule: string;
  edition: number;
  drops: boolean;
  /** Null: the store has no entry of it yet. */
  stored: StoredRule | null;
}

export interface StoredRule {
  /** For which windows it is shown; a null `until`: until another takes over. */
  served: { from: string | null; until: string | null }[];
  /** From which window on it is whole; a null `from`: nowhere yet, or since ever. */
  whole: { width: string; from: string | null; isWhole: boolean }[];
  dropped: boolean;
  size: EditionSize | null;
}

/** Brings together what the receiver says of the log and what the store has. */
export function ruleSets(answer: CandidatesAnswer, stored: EditionList): RuleSet[] {
  const { inForce, candidates, partitions } = answer;
  const editions = new Map(stored.editions.map((one) => [one.edition, one]));
  const current: RuleSet = {
    ...{ number: inForce.candidate, state: 'in force', since: null, begun: inForce.applied },
    ...{ jobs: null, unfinished: unfinishedPromotion(answer, stored) },
    rules: inForce.rules.map((rule) => ruleOf(rule, editions)),
  };
  const beside = candidates.map(({ number, since, begun, rules, jobs }): RuleSet => {
    const { samplesPerSecond: each, paused } = jobs;
    const samplesPerSecond = each === null ? null : each * partitions;
    const progress = stored.jobs.get(number) ?? [];
    const summary = { ...jobsSummary(progress, partitions), paused, samplesPerSecond };
    return {
      ...{ number, state: 'candidate', since, begun, jobs: since === null ? null : summary },
      unfinished: unfinishedDrop(number, rules, editions),
      rules: rules.map((rule) => ruleOf(rule, editions)),
    };
  });
  return [current, ...beside];
}

export function jobsSummary(
  progress: readonly JobProgress[],
  partitions: number,
): Pick<JobsSummary, 'ended' | 'partitions' | 'share'> {
  const ended = progress.filter(({ hasEnded }) => hasEnded).length;
  const end = progress.reduce((sum, { endPosition }) => sum + endPosition, 0);
  const done = progress.reduce((sum, one) => {
    return sum + (one.hasEnded ? one.endPosition : Math.min(one.position, one.endPosition));
  }, 0);
  // Those that have not begun have everything before them.
  const share = end === 0 ? 0 : (done / end) * (progress.length / partitions);
  return { ended, partitions, share: ended === partitions ? 1 : share };
}

/** Numbers of the editions that fold something. */
export function foldingEditions(rules: readonly ShownRule[]): number[] {
  return rules.flatMap(({ edition, drop }) => {
    return edition === undefined || drop === true ? [] : [edition];
  });
}

/**
 * The log has rules in force that were a candidate, and the store shows others: somebody died
 * between the two, or is there just now.
 */
export function isHidden({ inForce }: CandidatesAnswer, stored: EditionList): boolean {
  return inForce.candidate !== null && !areShown(inForce.rules, stored);
}

/** Whether the store shows these rules, as far as it knows of them. */
export function areShown(rules: readonly ShownRule[], { editions }: EditionList): boolean {
  const numbers = new Set(foldingEditions(rules));
  const shown = editions.filter(({ served }) => served.some(({ untilUs }) => untilUs === Infinity));
  // Rules that all drop: nothing is to be shown any more.
  if (numbers.size === 0) return shown.every(({ ended, partitions }) => ended >= partitions);
  return editions.every((one) => !numbers.has(one.edition) || shown.includes(one));
}

function unfinishedPromotion(answer: CandidatesAnswer, stored: EditionList): string | null {
  const { candidate } = answer.inForce;
  if (candidate === null || !isHidden(answer, stored)) return null;
  return (
    `in force, and not shown: complete it with "millrace edition promote ${candidate}", or go ` +
    'back with "millrace edition rollback"'
  );
}

function unfinishedDrop(
  number: number,
  rules: readonly ShownRule[],
  editions: ReadonlyMap<number, ListedEdition>,
): string | null {
  const isDropped = foldingEditions(rules).some((edition) => editions.get(edition)?.isDropped);
  if (!isDropped) return null;
  return `dropped in the store, and still folded: complete with "millrace edition drop ${number}"`;
}

function ruleOf(
  { name, edition = 0, drop }: ShownRule,
  editions: ReadonlyMap<number, ListedEdition>,
): RuleSetRule {
  const known = editions.get(edition);
  return {
    ...{ rule: name, edition, drops: drop === true },
    stored: known === undefined ? null : storedRule(known),
  };
}

function storedRule({ served, whole, isDropped, size }: ListedEdition): StoredRule {
  return {
    served: served.map(({ fromUs, untilUs }) => {
      return { from: shownTime(fromUs), until: shownTime(untilUs) };
    }),
    whole: whole.map(({ widthUs, fromUs }) => ({
      width: formatWidth(widthUs),
      from: fromUs === undefined ? null : shownTime(fromUs),
      isWhole: fromUs !== undefined,
    })),
    dropped: isDropped,
    size: size ?? null,
  };
}
