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

/** Rules that a barrier brought beside those in force: nothing ends them but another barrier. */
export interface CandidateRules {
  /** Of the version that began it. */
  number: number;
  rules: CompiledRules;
}

/** What places series into editions that are folded and not in force. */
export interface BesideRules {
  rules: CompiledRules;
  /** Of them, those that are folded. */
  editions: ReadonlySet<number>;
}

/** Generations as the state's header keeps them. */
export type SavedGeneration = [
  rules: CompiledRules,
  editions: [edition: number, untilUs: number, endUs: number][],
];

/** The rules of a barrier. */
export interface NextRules {
  rules: CompiledRules;
  candidates: readonly CandidateRules[];
}

/** What a barrier's rules did to the editions. */
export interface EditionsChange {
  begun: { plan: EditionPlan; candidate: number | undefined }[];
  retired: RetiredEdition[];
  /** Editions of candidates that nobody wants any more: they end here. */
  dropped: number[];
}

/** When editions change, in the partition's own time. */
export interface ChangeMoment {
  /** Largest of all times known so far: of samples, and of the partition. */
  largestUs: number;
  overlapUs: number;
  /** How long retired editions wait for late samples after their last window. */
  horizonUs: number;
}

/**
 * The editions that are folded: those in force, those of candidates, and those that barriers
 * retired.
 */
export class Editions {
  readonly #plans = new Map<number, EditionPlan>();
  #rules: CompiledRules;
  #candidates: readonly CandidateRules[];
  #generations: Generation[] = [];
  #nextEndUs = Infinity;

  constructor({ rules, candidates }: NextRules, saved: readonly SavedGeneration[] = []) {
    this.#rules = rules;
    this.#candidates = candidates;
    for (const one of wantedEditions({ rules, candidates })) this.#plan(one.set, one.edition);
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

  /** All that a log begins with. */
  get atFirst(): EditionsChange['begun'] {
    const wanted = wantedEditions({ rules: this.#rules, candidates: this.#candidates });
    return wanted.map(({ edition, candidate }) => {
      return { plan: this.#plans.get(edition)!, candidate };
    });
  }

  /** What else takes samples: generations, the oldest first, then candidates. */
  get beside(): BesideRules[] {
    const numbersOf = (editions: readonly { edition: number }[]): ReadonlySet<number> =>
      new Set(editions.map(({ edition }) => edition));
    return [
      ...this.#generations.map(({ rules, editions }) => {
        return { rules, editions: numbersOf(editions) };
      }),
      ...this.#candidates.map(({ rules }) => {
        return { rules, editions: numbersOf(foldingRules(rules)) };
      }),
    ];
  }

  /** The first edition whose number would mean something else under these rules. */
  findReused(next: NextRules): number | undefined {
    const known = new Map<number, string>();
    for (const set of setsOf({ rules: this.#rules, candidates: this.#candidates })) {
      for (const rule of set.rules) known.set(rule.edition, editionKey(rule, set));
    }
    const seen = new Set<number>();
    for (const set of setsOf(next)) {
      for (const rule of set.rules) {
        const { edition } = rule;
        const before = known.get(edition);
        const isSame =
          before === undefined ? !this.#plans.has(edition) : before === editionKey(rule, set);
        // Two sets that both fold an edition would fold each sample into it twice.
        if (!isSame || seen.has(edition)) return edition;
        seen.add(edition);
      }
    }
    return undefined;
  }

  /** Brings other rules into force; those of which `findReused` finds nothing. */
  change(next: NextRules, moment: ChangeMoment): EditionsChange {
    const before = this.#rules;
    const besideBefore = this.#candidates;
    this.#rules = next.rules;
    this.#candidates = next.candidates;
    const begun = wantedEditions(next)
      .filter(({ edition }) => !this.#plans.has(edition))
      .map(({ set, edition, candidate }) => ({ plan: this.#plan(set, edition), candidate }));
    const goesOn = new Set(setsOf(next).flatMap(({ rules }) => rules.map((one) => one.edition)));
    const ended = ({ edition }: CompiledRule): boolean => !goesOn.has(edition);
    const retired = this.#retire(before, foldingRules(before).filter(ended), moment);
    const dropped = besideBefore
      .flatMap(({ rules }) => foldingRules(rules).filter(ended))
      .map(({ edition }) => edition);
    return { begun, retired, dropped };
  }

  #retire(
    before: CompiledRules,
    ended: readonly CompiledRule[],
    moment: ChangeMoment,
  ): RetiredEdition[] {
    const names = new Set(foldingRules(this.#rules).map(({ name }) => name));
    const retired = ended.map(({ edition, name, widthsUs }): RetiredEdition => {
      const overlapUs = names.has(name) ? moment.overlapUs : 0;
      const untilUs = secondBeyond(moment.largestUs + overlapUs);
      // Also the widest window that starts before it has its time, and its late samples theirs.
      const endUs = untilUs + Math.max(...widthsUs) + moment.horizonUs;
      this.#plans.get(edition)!.untilUs = untilUs;
      return { edition, untilUs, endUs };
    });
    if (retired.length > 0) {
      this.#generations.push({ rules: rulesOf(before, retired), editions: retired });
      this.#schedule();
    }
    return retired;
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

  /** Forgets editions that ended and have no open pieces any more. */
  forget(ended: readonly number[]): void {
    for (const edition of ended) this.#plans.delete(edition);
    for (const generation of this.#generations) {
      generation.editions = generation.editions.filter(({ edition }) => this.#plans.has(edition));
    }
    this.#generations = this.#generations.filter(({ editions }) => editions.length > 0);
    this.#schedule();
  }

  /** What places series into the rules in force, and into each of those beside them. */
  placers(): { current: Placer; beside: { placer: Placer; editions: ReadonlySet<number> }[] } {
    return {
      current: createPlacer(this.#rules),
      beside: this.beside.map(({ rules, editions }) => {
        return { placer: createPlacer(rules), editions };
      }),
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

/** The rules in force, and those beside them. */
export function setsOf({ rules, candidates }: NextRules): CompiledRules[] {
  return [rules, ...candidates.map((one) => one.rules)];
}

interface WantedEdition {
  set: CompiledRules;
  edition: number;
  candidate: number | undefined;
}

function wantedEditions({ rules, candidates }: NextRules): WantedEdition[] {
  const of = (set: CompiledRules, candidate: number | undefined): WantedEdition[] =>
    foldingRules(set).map(({ edition }) => ({ set, edition, candidate }));
  return [of(rules, undefined), ...candidates.map((one) => of(one.rules, one.number))].flat();
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
