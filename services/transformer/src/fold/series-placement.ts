import { fingerprintOf, type LabelSet } from '@millrace/model';
import type { Placer, PlacementTarget } from '@millrace/rules';
import type { DefinitionHint } from '../memory/definition-memory.ts';
import { KeyIndex } from '../memory/key-index.ts';
import type { EditionPlan } from './edition-plan.ts';
import type { Editions } from './editions.ts';

/** One output series of an input series, in one edition. */
export interface Target extends DefinitionHint {
  plan: EditionPlan;
  fingerprint: Uint8Array;
  /** The fingerprint as four lanes. */
  keys: Uint32Array;
  /** The output series is the input series. */
  sameSeries: boolean;
  /** What `distinct` counts; undefined: the sample's value. */
  distinctText: string | undefined;
  /**
   * For each width the slot and the turn of its newest piece: looked at first, trusted never. A
   * plain array: a typed one takes ten times the memory, and there are very many.
   */
  hints: number[];
}

/** One input series, and what the rules do with it. */
export interface SeriesPlacement extends DefinitionHint {
  fingerprint: Uint8Array;
  /** As the rules in force say, like `targets`. */
  keepRaw: boolean;
  /** The first rule that says it is not kept raw; undefined: it is. */
  rawDroppedBy: string | undefined;
  /** Also when only an edition does that is not in force. */
  wantsIncrease: boolean;
  /** The first rule that drops it; undefined: none does. Then there are no targets. */
  droppedBy: string | undefined;
  targets: readonly Target[];
  /** Under rules of before, only for windows that began in time, and of candidates. */
  beside: readonly Target[];
  /**
   * Up to which partition time the input and all targets are defined, for samples of a kind, while
   * the memory of definitions has this life: then they need not be asked for.
   */
  defined: { kind: number; untilUs: number; life: number };
}

/** Placements of events, which are not tied to a remembered series, that are kept at a time. */
const EVENTS_MAX = 65_536;

const NO_TARGETS: readonly Target[] = [];

/**
 * Places series by the rules in force, by candidates, and by those that retired editions belonged
 * to. Placements are caches of a pure function: never state.
 */
export class Placements {
  readonly #editions: Editions;
  #placer!: Placer;
  /** Of each generation, the oldest first, and of each candidate. */
  #beside: ReturnType<Editions['placers']>['beside'] = [];
  readonly #bySlot: (SeriesPlacement | undefined)[] = [];
  readonly #events = new KeyIndex();
  readonly #byEvent: SeriesPlacement[] = [];

  constructor(editions: Editions) {
    this.#editions = editions;
    this.change();
  }

  /** Other rules are in force: every series is placed anew. */
  change(): void {
    const { current, beside } = this.#editions.placers();
    this.#placer = current;
    this.#beside = beside;
    // Not emptied: an array that is filled anew from anywhere is no array to the engine.
    this.#bySlot.fill(undefined);
    this.#forgetEvents();
  }

  /** Some editions are forgotten: they are taken out of the placements. */
  dropEnded(): void {
    this.#beside = this.#editions.placers().beside;
    const { plans } = this.#editions;
    for (const placements of [this.#bySlot, this.#byEvent]) {
      for (const placement of placements) {
        if (placement === undefined || placement.beside.length === 0) continue;
        placement.beside = placement.beside.filter(({ plan }) => plans.has(plan.edition));
      }
    }
  }

  /** The placement of a remembered series, unless it was not asked for yet. */
  find(slot: number): SeriesPlacement | undefined {
    return this.#bySlot[slot];
  }

  add(slot: number, series: InputSeries): SeriesPlacement {
    const placement = this.#place(series);
    while (this.#bySlot.length < slot) this.#bySlot.push(undefined);
    this.#bySlot[slot] = placement;
    return placement;
  }

  /** The placement of a series of events, whose key is at `at`. */
  ofEvents(keys: Uint32Array, at: number, series: () => InputSeries): SeriesPlacement {
    const [a, b, c, d] = [keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!];
    const known = this.#events.find(a, b, c, d);
    if (known >= 0) return this.#byEvent[known]!;
    if (this.#byEvent.length >= EVENTS_MAX) this.#forgetEvents();
    const placement = this.#place(series());
    const slot = this.#byEvent.push(placement) - 1;
    this.#events.reserve(slot + 1);
    this.#events.insert(slot, a, b, c, d);
    return placement;
  }

  /** Labels of the output series of a target: too many to be kept. */
  outputLabels(input: LabelSet, { plan }: Target): LabelSet {
    for (const placer of [this.#placer, ...this.#beside.map((one) => one.placer)]) {
      const { targets } = placer.place(input);
      const target = targets.find(({ rule }) => rule.edition === plan.edition);
      if (target !== undefined) return target.labels;
    }
    throw new Error(`edition ${plan.edition} does not take this series`);
  }

  forget(slot: number): void {
    this.#bySlot[slot] = undefined;
  }

  #forgetEvents(): void {
    this.#byEvent.length = 0;
    this.#events.clear();
  }

  #place(series: InputSeries): SeriesPlacement {
    const { keepRaw, rawDroppedBy, droppedBy, targets: placed } = this.#placer.place(series.labels);
    const { plans } = this.#editions;
    const targets = placed.map((one) => targetOf(series, one, plans.get(one.rule.edition)!));
    const beside = this.#placeBeside(series);
    const wantsIncrease = [...targets, ...beside].some(({ plan }) => plan.wantsIncrease);
    return {
      fingerprint: series.fingerprint,
      keepRaw,
      rawDroppedBy,
      wantsIncrease,
      droppedBy,
      targets,
      beside,
      defined: { kind: -1, untilUs: -Infinity, life: -1 },
      definitionSlot: -1,
    };
  }

  #placeBeside(series: InputSeries): readonly Target[] {
    if (this.#beside.length === 0) return NO_TARGETS;
    const { plans } = this.#editions;
    return this.#beside.flatMap(({ placer, editions }) => {
      const targets = placer.place(series.labels).targets.filter((one) => {
        return editions.has(one.rule.edition);
      });
      return targets.map((one) => targetOf(series, one, plans.get(one.rule.edition)!));
    });
  }
}

function targetOf(
  { tenant, fingerprint }: InputSeries,
  { sameSeries, labels, distinctText }: PlacementTarget,
  plan: EditionPlan,
): Target {
  const output = sameSeries ? fingerprint : fingerprintOf(tenant, labels);
  return {
    plan,
    fingerprint: output,
    keys: lanesOf(output),
    sameSeries,
    distinctText,
    hints: new Array<number>(2 * plan.widthsUs.length).fill(NaN),
    definitionSlot: -1,
  };
}

/** What a placement is computed from. Nobody else may change the fingerprint afterwards. */
export interface InputSeries {
  tenant: string;
  fingerprint: Uint8Array;
  labels: LabelSet;
}

/** Fingerprints or digests, 16 bytes each, as four uint32 lanes each; a copy. */
export function lanesOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
