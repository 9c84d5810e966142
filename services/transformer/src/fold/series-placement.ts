import { fingerprintOf, type LabelSet } from '@millrace/model';
import { createPlacer, type CompiledRules, type Placer } from '@millrace/rules';
import type { DefinitionHint } from '../memory/definition-memory.ts';
import { KeyIndex } from '../memory/key-index.ts';
import { planEdition, type EditionPlan } from './edition-plan.ts';

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

/** One input series, and what the rules in force do with it. */
export interface SeriesPlacement extends DefinitionHint {
  fingerprint: Uint8Array;
  keepRaw: boolean;
  wantsIncrease: boolean;
  targets: readonly Target[];
}

/** Placements of events, which are not tied to a remembered series, that are kept at a time. */
const EVENTS_MAX = 65_536;

/**
 * Places series by the rules in force. Placements are caches of a pure function: never state.
 */
export class Placements {
  readonly #placer: Placer;
  readonly #plans: ReadonlyMap<number, EditionPlan>;
  readonly #bySlot: (SeriesPlacement | undefined)[] = [];
  readonly #events = new KeyIndex();
  readonly #byEvent: SeriesPlacement[] = [];

  constructor(rules: CompiledRules) {
    this.#placer = createPlacer(rules);
    this.#plans = new Map(rules.rules.map((rule) => [rule.edition, planEdition(rule)]));
  }

  get plans(): ReadonlyMap<number, EditionPlan> {
    return this.#plans;
  }

  /** The placement of a remembered series, unless it was not asked for yet. */
  find(slot: number): SeriesPlacement | undefined {
    return this.#bySlot[slot];
  }

  add(slot: number, series: InputSeries): SeriesPlacement {
    const placement = this.#place(series);
    this.#bySlot[slot] = placement;
    return placement;
  }

  /** The placement of a series of events, whose key is at `at`. */
  ofEvents(keys: Uint32Array, at: number, series: () => InputSeries): SeriesPlacement {
    const [a, b, c, d] = [keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!];
    const known = this.#events.find(a, b, c, d);
    if (known >= 0) return this.#byEvent[known]!;
    if (this.#byEvent.length >= EVENTS_MAX) {
      this.#byEvent.length = 0;
      this.#events.clear();
    }
    const placement = this.#place(series());
    const slot = this.#byEvent.push(placement) - 1;
    this.#events.reserve(slot + 1);
    this.#events.insert(slot, a, b, c, d);
    return placement;
  }

  /** Labels of the output series, in the order of the targets: too many to be kept. */
  outputLabels(input: LabelSet): LabelSet[] {
    return this.#placer.place(input).targets.map(({ labels }) => labels);
  }

  forget(slot: number): void {
    this.#bySlot[slot] = undefined;
  }

  #place({ tenant, fingerprint, labels }: InputSeries): SeriesPlacement {
    const { keepRaw, targets: placed } = this.#placer.place(labels);
    const targets = placed.map((target): Target => {
      const plan = this.#plans.get(target.rule.edition)!;
      const output = target.sameSeries ? fingerprint : fingerprintOf(tenant, target.labels);
      return {
        plan,
        fingerprint: output,
        keys: lanesOf(output),
        sameSeries: target.sameSeries,
        distinctText: target.distinctText,
        hints: new Array<number>(2 * plan.widthsUs.length).fill(NaN),
        definitionSlot: -1,
      };
    });
    const wantsIncrease = targets.some(({ plan }) => plan.wantsIncrease);
    return { fingerprint, keepRaw, wantsIncrease, targets, definitionSlot: -1 };
  }
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
