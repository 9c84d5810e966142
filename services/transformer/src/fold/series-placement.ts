import { fingerprintOf, type LabelSet } from '@millrace/model';
import type { Placement, Placer, PlacementTarget } from '@millrace/rules';
import type { DefinitionHint } from '../memory/definition-memory.ts';
import { KeyIndex } from '../memory/key-index.ts';
import type { EditionPlan } from './edition-plan.ts';
import type { Editions } from './editions.ts';
import { SeriesCaches } from './series-caches.ts';

/** Where samples go in one edition. Series that agree in all of it share it. */
export interface Target {
  plan: EditionPlan;
  /** Undefined: the output series is the input series, whichever that is. */
  output: OutputSeries | undefined;
  /** Where `SeriesCaches` keeps hints of input series that are their own output. */
  lane: number;
  /** What `distinct` counts; undefined: the sample's value. */
  distinctText: string | undefined;
  /** Unlike that of any other target. */
  number: number;
}

/** A series that others are aggregated into. */
export interface OutputSeries extends DefinitionHint {
  fingerprint: Uint8Array;
  /** The fingerprint as four lanes. */
  keys: Uint32Array;
  /**
   * For each width the slot and the turn of its newest piece: looked at first, trusted never. A
   * plain array: a typed one takes ten times the memory, and there may be very many.
   */
  hints: number[];
}

/** What the rules do with a series. Most series share it with very many others. */
export interface SeriesPlacement {
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
  /** `targets`, then `beside`. */
  all: readonly Target[];
  /**
   * The same of placements that differ in nothing but output series: same editions in the same
   * order, and raw samples fare alike. `NO_SHAPE`: it has something that is folded one by one.
   */
  shape: number;
}

export const NO_SHAPE = 0;

/** Placements of events, which are not tied to a remembered series, that are kept at a time. */
const EVENTS_MAX = 65_536;
/** Targets, placements and shapes that are looked for before others like them are made. */
const SHARED_MAX = 65_536;

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
  readonly #targets = new Map<string, Target>();
  readonly #shared = new Map<string, SeriesPlacement>();
  /** Of series that are kept raw and rolled up by one rule, by its edition: mostly all are. */
  readonly #usual = new Map<number, SeriesPlacement>();
  readonly #shapes = new Map<string, number>();
  readonly #lanes = new Map<number, number>();
  #targetsMade = 0;
  /** Of remembered series, by slot. */
  readonly timed: SeriesCaches = new SeriesCaches();
  /** Of series of events, by the row that `eventRow` gives them. */
  readonly untimed: SeriesCaches = new SeriesCaches();

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
    this.#forgetShared();
    this.#shapes.clear();
    this.#lanes.clear();
    this.timed.clearLanes();
    this.untimed.clearLanes();
  }

  /** Some editions are forgotten: they are taken out of the placements. */
  forgetEnded(): void {
    this.#beside = this.#editions.placers().beside;
    this.#forgetShared();
    const { plans } = this.#editions;
    for (const placements of [this.#bySlot, this.#byEvent]) {
      // Most series share one.
      for (const placement of new Set(placements)) {
        if (placement === undefined || placement.beside.length === 0) continue;
        placement.beside = placement.beside.filter(({ plan }) => plans.has(plan.edition));
        placement.all = [...placement.targets, ...placement.beside];
        placement.shape = this.#shapeOf(placement);
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
    this.timed.reset(slot);
    return placement;
  }

  /** Holds the bound of series of events; rows that were given before mean nothing any more. */
  boundEvents(): void {
    if (this.#byEvent.length >= EVENTS_MAX) this.#forgetEvents();
  }

  /** The row of a series of events, whose key is at `at`: valid until the bound is held. */
  eventRow(keys: Uint32Array, at: number, series: () => InputSeries): number {
    const [a, b, c, d] = [keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!];
    const known = this.#events.find(a, b, c, d);
    if (known >= 0) return known;
    const row = this.#byEvent.push(this.#place(series())) - 1;
    this.#events.reserve(row + 1);
    this.#events.insert(row, a, b, c, d);
    this.untimed.reset(row);
    return row;
  }

  ofEvents(row: number): SeriesPlacement {
    return this.#byEvent[row]!;
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

  #forgetShared(): void {
    this.#targets.clear();
    this.#shared.clear();
    this.#usual.clear();
  }

  #place(series: InputSeries): SeriesPlacement {
    const placed = this.#placer.place(series.labels);
    const edition = this.#beside.length === 0 ? usualEdition(placed) : undefined;
    if (edition === undefined) return this.#placeShared(series, placed);
    const known = this.#usual.get(edition);
    if (known !== undefined) return known;
    const placement = this.#placeShared(series, placed);
    this.#usual.set(edition, placement);
    return placement;
  }

  #placeShared(
    series: InputSeries,
    { keepRaw, rawDroppedBy, droppedBy, targets: given }: Placement,
  ): SeriesPlacement {
    const { plans } = this.#editions;
    const targets = given.map((one) => {
      return this.#targetOf(series, one, plans.get(one.rule.edition)!);
    });
    const beside = this.#placeBeside(series);
    const numbers = (some: readonly Target[]) => some.map(({ number }) => number).join();
    const name = JSON.stringify([
      ...[keepRaw, rawDroppedBy, droppedBy],
      ...[numbers(targets), numbers(beside)],
    ]);
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const all = [...targets, ...beside];
    const wantsIncrease = all.some(({ plan }) => plan.wantsIncrease);
    const placed = { keepRaw, rawDroppedBy, wantsIncrease, droppedBy, targets, beside, all };
    const shape = this.#shapeOf(placed);
    // Not spread: what is copied so is to the engine another kind of object than the first one was.
    const placement: SeriesPlacement = {
      keepRaw,
      rawDroppedBy,
      wantsIncrease,
      droppedBy,
      targets,
      beside,
      all,
      shape,
    };
    this.#shared.set(name, placement);
    return placement;
  }

  #shapeOf(placement: Omit<SeriesPlacement, 'shape'>): number {
    const { keepRaw, rawDroppedBy, wantsIncrease, droppedBy, targets, all } = placement;
    const editions = all.map(({ plan }) => plan.edition);
    const hasSketches = all.some(
      ({ plan }) => plan.wantsHistogram || plan.wantsDistinct || plan.wantsInputs,
    );
    if (all.length === 0 || hasSketches || new Set(editions).size < all.length) return NO_SHAPE;
    const name = JSON.stringify([
      ...[keepRaw, rawDroppedBy, wantsIncrease, droppedBy, targets.length, editions],
      all.map(({ lane }) => lane),
    ]);
    const known = this.#shapes.get(name);
    if (known !== undefined || this.#shapes.size >= SHARED_MAX) return known ?? NO_SHAPE;
    const shape = this.#shapes.size + NO_SHAPE + 1;
    this.#shapes.set(name, shape);
    return shape;
  }

  #placeBeside(series: InputSeries): readonly Target[] {
    if (this.#beside.length === 0) return NO_TARGETS;
    const { plans } = this.#editions;
    return this.#beside.flatMap(({ placer, editions }) => {
      const targets = placer.place(series.labels).targets.filter((one) => {
        return editions.has(one.rule.edition);
      });
      return targets.map((one) => this.#targetOf(series, one, plans.get(one.rule.edition)!));
    });
  }

  #targetOf(
    { tenant }: InputSeries,
    { sameSeries, labels, distinctText }: PlacementTarget,
    plan: EditionPlan,
  ): Target {
    const fingerprint = sameSeries ? undefined : fingerprintOf(tenant, labels);
    const output = fingerprint === undefined ? '' : Buffer.from(fingerprint).toString('latin1');
    // A text that is none differs from every text.
    const text = distinctText === undefined ? '' : `=${distinctText}`;
    const name = `${plan.edition}/${output}/${text}`;
    const known = this.#targets.get(name);
    if (known !== undefined) return known;
    if (this.#targets.size >= SHARED_MAX || this.#shared.size >= SHARED_MAX) this.#forgetShared();
    const target: Target = {
      plan,
      output: fingerprint && outputOf(fingerprint, plan),
      lane: fingerprint === undefined ? this.#laneOf(plan) : -1,
      distinctText,
      number: (this.#targetsMade += 1),
    };
    this.#targets.set(name, target);
    return target;
  }

  #laneOf({ edition, widthsUs }: EditionPlan): number {
    const known = this.#lanes.get(edition);
    if (known !== undefined) return known;
    const lane = this.#lanes.size;
    this.#lanes.set(edition, lane);
    for (const caches of [this.timed, this.untimed]) caches.addLane(lane, widthsUs.length);
    return lane;
  }
}

/** Of the one rule that a series is rolled up by, as itself; undefined: there is more to it. */
function usualEdition({ keepRaw, targets }: Placement): number | undefined {
  const [target, another] = targets;
  const isUsual =
    keepRaw && another === undefined && target?.sameSeries === true && !('distinctText' in target);
  return isUsual ? target.rule.edition : undefined;
}

function outputOf(fingerprint: Uint8Array, plan: EditionPlan): OutputSeries {
  return {
    fingerprint,
    keys: lanesOf(fingerprint),
    hints: new Array<number>(2 * plan.widthsUs.length).fill(NaN),
    definitionSlot: -1,
  };
}

/** What a placement is computed from. */
export interface InputSeries {
  tenant: string;
  labels: LabelSet;
}

/** Fingerprints or digests, 16 bytes each, as four uint32 lanes each; a copy. */
export function lanesOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
