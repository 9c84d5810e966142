import { fingerprintOf, type LabelSet } from '@millrace/model';
import { createPlacer, type CompiledRules, type Placer } from '@millrace/rules';
import { planEdition, type EditionPlan } from './edition-plan.ts';

/** One output series of an input series, in one edition. */
export interface Target {
  plan: EditionPlan;
  labels: LabelSet;
  fingerprint: Uint8Array;
  /** The fingerprint as four lanes. */
  keys: Uint32Array;
  /** The output series is the input series. */
  sameSeries: boolean;
  /** What `distinct` counts; undefined: the sample's value. */
  distinctText: string | undefined;
  /** For each width, the slot its newest piece had: looked at first, trusted never. */
  hints: Int32Array;
}

/** What the rules in force do with one input series. */
export interface SeriesPlacement {
  keepRaw: boolean;
  targets: readonly Target[];
}

/** Placements not tied to a remembered series (events') that are kept at a time. */
const CACHE_MAX = 65_536;

/**
 * Places series by the rules in force. Placements are caches of a pure function: never state.
 */
export class Placements {
  readonly #placer: Placer;
  readonly #plans: ReadonlyMap<number, EditionPlan>;
  readonly #bySlot: (SeriesPlacement | undefined)[] = [];
  readonly #byKey = new Map<string, SeriesPlacement>();

  constructor(rules: CompiledRules) {
    this.#placer = createPlacer(rules);
    this.#plans = new Map(rules.rules.map((rule) => [rule.edition, planEdition(rule)]));
  }

  get plans(): ReadonlyMap<number, EditionPlan> {
    return this.#plans;
  }

  /** The placement of a remembered series, or of an event's (slot -1). */
  of(
    slot: number,
    tenant: string,
    fingerprint: Uint8Array,
    labels: () => LabelSet,
  ): SeriesPlacement {
    if (slot >= 0) return (this.#bySlot[slot] ??= this.#place(tenant, fingerprint, labels()));
    const key = Buffer.from(fingerprint).toString('latin1');
    let placement = this.#byKey.get(key);
    if (placement === undefined) {
      placement = this.#place(tenant, fingerprint, labels());
      if (this.#byKey.size >= CACHE_MAX) this.#byKey.clear();
      this.#byKey.set(key, placement);
    }
    return placement;
  }

  forget(slot: number): void {
    this.#bySlot[slot] = undefined;
  }

  #place(tenant: string, input: Uint8Array, labels: LabelSet): SeriesPlacement {
    const { keepRaw, targets } = this.#placer.place(labels);
    return {
      keepRaw,
      targets: targets.map((target): Target => {
        const plan = this.#plans.get(target.rule.edition)!;
        const fingerprint = target.sameSeries
          ? input.slice()
          : fingerprintOf(tenant, target.labels);
        return {
          plan,
          labels: target.labels,
          fingerprint,
          keys: lanesOf(fingerprint),
          sameSeries: target.sameSeries,
          distinctText: target.distinctText,
          hints: new Int32Array(plan.widthsUs.length).fill(-1),
        };
      }),
    };
  }
}

/** Fingerprints or digests, 16 bytes each, as four uint32 lanes each. */
export function lanesOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}
