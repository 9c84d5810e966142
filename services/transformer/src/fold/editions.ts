import {
  createPlacer,
  editionKey,
  type CompiledRule,
  type CompiledRules,
  type Placer,
} from '@millrace/rules';
import { planEdition, type EditionPlan } from './edition-plan.ts';

/**
 * An edition whose rule was changed is folded on for so long, so that it is whole until every
 * partition has begun its successor. Of fold version 1.
 */
export const EDITION_OVERLAP_US = 3_600_000_000;

/** Barriers whose retired editions are folded on at a time. Of fold version 1. */
export const GENERATIONS_MAX = 64;

/** An edition that is not in force any more: what is late still reaches it. */
export interface RetiredEdition {
  edition: number;
  /** Nothing is folded into windows that start at or after it. */
  untilUs: number;
  /** From this partition time on nothing is folded into it at all. */
  endUs: number;
}

/** The editions that one barrier retired. */
export interface Generation {
  /** What places series into them as before: their rules, and those the roll-up depends on. */
  rules: CompiledRules;
  editions: RetiredEdition[];
}

/** Generations as the state's header keeps them. */
export type SavedGeneration = [
  rules: CompiledRules,
  editions: [edition: number, untilUs: number, endUs: number][],
];

/** What a barrier's rules did to the editions. */
export interface EditionsChange {
  begun: EditionPlan[];
  retired: RetiredEdition[];
}

/** When editions change, in the partition's own time. */
export interface ChangeMoment {
  /** Largest of all times known so far: of samples, and of the partition. */
  largestUs: number;
  overlapUs: number;
  /** How long retired editions wait for late samples after their last window. */
  horizonUs: number;
}

/** The editions that are folded: those in force, and those that barriers retired. */
export class Editions {
  readonly #plans = new Map<number, EditionPlan>();
  #rules: CompiledRules;
  #generations: Generation[] = [];
  #nextEndUs = Infinity;

  constructor(rules: CompiledRules, saved: readonly SavedGeneration[] = []) {
    this.#rules = rules;
    for (const { edition } of foldingRules(rules)) this.#plan(rules, edition);
    for (const [ruleSet, editions] of saved) {
      const retired = editions.map(([edition, untilUs, endUs]) => ({ edition, untilUs, endUs }));
      for (const { edition, untilUs } of retired) this.#plan(ruleSet, edition).untilUs = untilUs;
      this.#generations.push({ rules: ruleSet, editions: retired });
    }
    this.#schedule();
  }

  /** The rules in force. */
  get rules(): CompiledRules {
    return this.#rules;
  }

  /** Plans of all editions that are folded. The map stays the same while they change. */
  get plans(): ReadonlyMap<number, EditionPlan> {
    return this.#plans;
  }

  get generations(): readonly Generation[] {
    return this.#generations;
  }

  /** The first edition whose number would mean something else under these rules. */
  findReused(next: CompiledRules): number | undefined {
    const known = new Map(this.#rules.rules.map((rule) => [rule.edition, rule]));
    return next.rules.find((rule) => {
      const before = known.get(rule.edition);
      if (before === undefined) return this.#plans.has(rule.edition);
      return editionKey(before, this.#rules) !== editionKey(rule, next);
    })?.edition;
  }

  /** Brings other rules into force; those of which `findReused` finds nothing. */
  change(next: CompiledRules, moment: ChangeMoment): EditionsChange {
    const before = this.#rules;
    this.#rules = next;
    const begun = foldingRules(next)
      .filter(({ edition }) => !this.#plans.has(edition))
      .map(({ edition }) => this.#plan(next, edition));
    const goesOn = new Set(next.rules.map(({ edition }) => edition));
    const names = new Set(foldingRules(next).map(({ name }) => name));
    const retired: RetiredEdition[] = [];
    for (const { edition, name, widthsUs } of foldingRules(before)) {
      if (goesOn.has(edition)) continue;
      const overlapUs = names.has(name) ? moment.overlapUs : 0;
      const untilUs = secondBeyond(moment.largestUs + overlapUs);
      // Also the widest window that starts before it has its time, and its late samples theirs.
      const endUs = untilUs + Math.max(...widthsUs) + moment.horizonUs;
      this.#plans.get(edition)!.untilUs = untilUs;
      retired.push({ edition, untilUs, endUs });
    }
    if (retired.length > 0) {
      this.#generations.push({ rules: rulesOf(before, retired), editions: retired });
      this.#schedule();
    }
    return { begun, retired };
  }

  /** Retired editions whose time is over. */
  endedBy(partitionTimeUs: number): number[] {
    if (partitionTimeUs < this.#nextEndUs) return [];
    const retired = this.#generations.flatMap(({ editions }) => editions);
    return retired.filter(({ endUs }) => endUs <= partitionTimeUs).map(({ edition }) => edition);
  }

  /** Those of the generations above the bound, the oldest. */
  aboveBound(): number[] {
    const over = this.#generations.slice(0, -GENERATIONS_MAX);
    return over.flatMap(({ editions }) => editions.map(({ edition }) => edition));
  }

  /** Forgets retired editions that have no open pieces any more. */
  forget(ended: readonly number[]): void {
    for (const edition of ended) this.#plans.delete(edition);
    for (const generation of this.#generations) {
      generation.editions = generation.editions.filter(({ edition }) => this.#plans.has(edition));
    }
    this.#generations = this.#generations.filter(({ editions }) => editions.length > 0);
    this.#schedule();
  }

  /** What places series into the rules in force, and into each generation. */
  placers(): { current: Placer; retired: Placer[] } {
    return {
      current: createPlacer(this.#rules),
      retired: this.#generations.map(({ rules }) => createPlacer(rules)),
    };
  }

  save(): SavedGeneration[] {
    return this.#generations.map(({ rules, editions }) => [
      rules,
      editions.map(({ edition, untilUs, endUs }) => [edition, untilUs, endUs]),
    ]);
  }

  #plan(rules: CompiledRules, edition: number): EditionPlan {
    const plan = planEdition(rules.rules.find((rule) => rule.edition === edition)!);
    this.#plans.set(edition, plan);
    return plan;
  }

  #schedule(): void {
    const retired = this.#generations.flatMap(({ editions }) => editions);
    this.#nextEndUs = Math.min(Infinity, ...retired.map(({ endUs }) => endUs));
  }
}

/** Those that fold something: a rule that drops has no windows, and so no edition here. */
function foldingRules({ rules }: CompiledRules): CompiledRule[] {
  return rules.filter(({ drop }) => drop !== true);
}

/** What placing series into these editions takes of the rules they belonged to. */
function rulesOf(
  { version, rules }: CompiledRules,
  retired: readonly RetiredEdition[],
): CompiledRules {
  const numbers = new Set(retired.map(({ edition }) => edition));
  const mine = rules.filter(({ edition }) => numbers.has(edition));
  // The roll-up leaves out what any other rule stopped from being kept raw.
  const needsOthers = mine.some(({ onlyKeptRaw }) => onlyKeptRaw);
  // And nothing gets what was dropped.
  const isNeeded = ({ edition, keepRaw, drop }: CompiledRule): boolean =>
    numbers.has(edition) || drop === true || (needsOthers && !keepRaw);
  return { version, rules: rules.filter(isNeeded) };
}

const SECOND_US = 1_000_000;

/** The first whole second that is later: the earliest start of a window that nothing is in yet. */
function secondBeyond(timeUs: number): number {
  return (Math.floor(timeUs / SECOND_US) + 1) * SECOND_US;
}
