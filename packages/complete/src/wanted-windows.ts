import { fingerprintOf, type LabelSet } from '@millrace/model';
import { createPlacer, type CompiledRules, type Placer } from '@millrace/rules';
import type { WindowName } from '@millrace/store';
import { lanesOf, planEdition, type EditionPlan, type Target } from '@millrace/transformer/fold';
import { getOrAdd } from './get-or-add.ts';
import { RecentWindows } from './recent-windows.ts';

/** Where samples of one input series go that is wanted: the windows of one width of an edition. */
export interface WantedTarget {
  /** Its plan has this width alone. */
  target: Target;
  widthUs: number;
  /** Numbers of windows by their start. */
  windows: ReadonlyMap<number, number>;
  /** Of these, and of others of the same series and width; see `PartitionTask.recentUs`. */
  recent: RecentWindows;
}

/** What is wanted of one input series. */
export interface WantedOfSeries {
  targets: readonly WantedTarget[];
  wantsIncrease: boolean;
  /** Times of these windows together, as [from, to, from, to, …]: ascending, apart. */
  intervals: Float64Array;
}

/** The rules of one edition, among those that decide with it where series go. */
export interface EditionRules {
  edition: number;
  rules: CompiledRules;
}

interface PlannedEdition {
  plan: EditionPlan;
  /** Plans of one width each. */
  widths: ReadonlyMap<number, EditionPlan>;
  placer: Placer;
}

/** Windows by output series, width and start. */
type OfEdition = Map<string, Map<number, Map<number, number>>>;

/**
 * The windows of one partition that are to be computed, and which input series belong into them.
 * Their numbers are their places in the list that was given.
 */
export class WantedWindows {
  readonly plans: ReadonlyMap<number, EditionPlan>;
  readonly #editions: readonly PlannedEdition[];
  readonly #windows = new Map<number, OfEdition>();
  readonly #targets = new Map<string, WantedTarget>();
  readonly #intervals = new Map<string, Float64Array>();
  /** Numbers of the windows of one output series and width. */
  readonly #numbers = new Map<ReadonlyMap<number, number>, number>();
  readonly #recent = new Map<ReadonlyMap<number, number>, RecentWindows>();
  #targetsMade = 0;

  constructor(editions: readonly EditionRules[], windows: ReadonlyMap<number, WindowName>) {
    this.#editions = editions.map(plannedEdition);
    this.plans = new Map(this.#editions.map(({ plan }) => [plan.edition, plan]));
    for (const [number, window] of windows) this.#add(number, window);
  }

  /** Undefined: nothing of it is wanted. */
  of(tenant: string, fingerprint: Uint8Array, labels: LabelSet): WantedOfSeries | undefined {
    const targets = this.#editions.flatMap((edition) =>
      this.#targetsOf(edition, { tenant, fingerprint, labels }),
    );
    if (targets.length === 0) return undefined;
    return {
      targets,
      wantsIncrease: targets.some(({ target }) => target.plan.wantsIncrease),
      intervals: this.#intervalsOf(targets),
    };
  }

  /** The number of a window that a piece is of. */
  numberOf(edition: number, seriesId: Uint8Array, widthUs: number, startUs: number): number {
    return this.#windows.get(edition)!.get(nameOf(seriesId))!.get(widthUs)!.get(startUs)!;
  }

  /** The same for all that goes into the same windows: of one output there may be many inputs. */
  #intervalsOf(targets: readonly WantedTarget[]): Float64Array {
    const numbers = this.#numbers;
    const key = targets.map(({ windows }) => getOrAdd(numbers, windows, () => numbers.size));
    return getOrAdd(this.#intervals, key.join(' '), () => intervalsOf(targets));
  }

  #add(number: number, { edition, seriesId, widthUs, startUs }: WindowName): void {
    const series = getOrAdd(this.#windows, edition, () => new Map() as OfEdition);
    const widths = getOrAdd(series, nameOf(seriesId), () => new Map<number, Map<number, number>>());
    getOrAdd(widths, widthUs, () => new Map<number, number>()).set(startUs, number);
  }

  #targetsOf(
    { plan, widths, placer }: PlannedEdition,
    series: Readonly<{ tenant: string; fingerprint: Uint8Array; labels: LabelSet }>,
  ): WantedTarget[] {
    const wanted = this.#windows.get(plan.edition);
    if (wanted === undefined) return [];
    const placed = placer
      .place(series.labels)
      .targets.find(({ rule }) => rule.edition === plan.edition);
    if (placed === undefined) return [];
    const output = placed.sameSeries
      ? series.fingerprint
      : fingerprintOf(series.tenant, placed.labels);
    const byWidth = wanted.get(nameOf(output));
    if (byWidth === undefined) return [];
    return [...byWidth].map(([widthUs, windows]) => {
      // A text that is none differs from every text.
      const text = placed.distinctText === undefined ? '' : `=${placed.distinctText}`;
      const key = `${plan.edition}/${widthUs}/${Buffer.from(output).toString('latin1')}/${text}`;
      return getOrAdd(this.#targets, key, () => ({
        target: this.#target(widths.get(widthUs)!, output, placed.distinctText),
        ...{ widthUs, windows },
        recent: getOrAdd(this.#recent, windows, () => new RecentWindows()),
      }));
    });
  }

  #target(plan: EditionPlan, output: Uint8Array, distinctText: string | undefined): Target {
    const fingerprint = output.slice();
    return {
      plan,
      output: { fingerprint, keys: lanesOf(fingerprint), hints: [NaN, NaN], definitionSlot: -1 },
      lane: -1,
      distinctText,
      number: (this.#targetsMade += 1),
    };
  }
}

function plannedEdition({ edition, rules }: EditionRules): PlannedEdition {
  const plan = planEdition(rules.rules.find((rule) => rule.edition === edition)!);
  const widths = plan.widthsUs.map((widthUs): [number, EditionPlan] => {
    return [widthUs, { ...plan, widthsUs: [widthUs] }];
  });
  return { plan, widths: new Map(widths), placer: createPlacer(rules) };
}

function intervalsOf(targets: readonly WantedTarget[]): Float64Array {
  const all = targets.flatMap(({ widthUs, windows }) =>
    [...windows.keys()].map((startUs): [number, number] => [startUs, startUs + widthUs]),
  );
  all.sort(([a], [b]) => a - b);
  const joined: number[] = [];
  for (const [from, to] of all) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last) joined[joined.length - 1] = Math.max(last, to);
    else joined.push(from, to);
  }
  return Float64Array.from(joined);
}

/** A `series_id`, which a fingerprint begins with. */
function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, 8).toString('latin1');
}
