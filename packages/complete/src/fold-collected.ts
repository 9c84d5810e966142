import { SampleFlag, SampleKind } from '@millrace/model';
import type { WindowName } from '@millrace/store';
import {
  increaseBetween,
  isCounter,
  lanesOf,
  SeriesCaches,
  type FoldMoment,
} from '@millrace/transformer/fold';
import type { WindowFold } from '@millrace/transformer/fold';
import { CollectedFlag, type CollectedSamples } from './collected-samples.ts';
import type { CollectedSeries, PartitionCollector } from './partition-collector.ts';
import { getOrAdd } from './get-or-add.ts';
import type { RecentWindows } from './recent-windows.ts';

/** Why a window cannot be computed from what was read. */
export const Inexact = {
  /** What a counter was before is not known. */
  counter: 'counter',
  /** Samples of it came before what was read. */
  earlier: 'earlier',
  /** Events came that cannot be told from others. */
  events: 'events',
} as const;
export type Inexact = (typeof Inexact)[keyof typeof Inexact];

/** Which windows depend on which others, by number. */
export interface WindowLinks {
  /** Of which it is asked: those that others follow are not changed for their own sake. */
  isAsked: (number: number) => boolean;
  /** A counter in each of these goes on from one of the window: both change together. */
  followers: Map<number, Set<number>>;
  /** The same of windows that were not wanted. */
  missing: Map<number, MissingWindow[]>;
}

export interface MissingWindow extends WindowName {
  /** To these samples came just now, of whatever input; not known before all of them are read. */
  recent: Pick<RecentWindows, 'has'>;
}

/**
 * Folds what was collected, by the accumulators of live folding, but in another order: series by
 * series as their fingerprints follow one another, each by time, equal times as they came. Of a
 * time with several samples the first one that came counts.
 */
export function foldCollected(
  windows: WindowFold,
  { series, samples, hasForgotten }: PartitionCollector,
  told: Readonly<{ inexact: Map<number, Inexact>; links: WindowLinks }>,
): void {
  const { order, ends } = samples.bySeries(series.length);
  const numbers = Uint32Array.from(series.keys()).sort((a, b) =>
    Buffer.compare(series[a]!.fingerprint, series[b]!.fingerprint),
  );
  for (const number of numbers) {
    const places = order.subarray(number === 0 ? 0 : ends[number - 1]!, ends[number]!);
    const one = new SeriesFold(windows, series[number]!, samples, told);
    one.fold(inTime(samples, distinct(samples, places)), hasForgotten);
  }
}

/** The places of samples that count, in the order in which they came. */
function distinct(samples: CollectedSamples, places: Uint32Array): Uint32Array {
  const { times, flags } = samples;
  const neighbours = places.filter((i) => (flags[i]! & CollectedFlag.neighbour) !== 0);
  const own = places.filter((i) => (flags[i]! & CollectedFlag.neighbour) === 0);
  const isUntimed = (i: number): boolean => (flags[i]! & SampleFlag.untimed) !== 0;
  if (neighbours.length === 0 && !own.some(isUntimed) && isAscending(samples, own)) return own;
  const taken = new Set<number>();
  for (const i of neighbours) taken.add(times[i]!);
  const counting = own.filter((i) => {
    if ((flags[i]! & CollectedFlag.event) !== 0) return true;
    // An arrival without a time of its own gets the next one that is free.
    if (isUntimed(i)) while (taken.has(times[i]!)) times[i]! += 1;
    else if (taken.has(times[i]!)) return false;
    taken.add(times[i]!);
    return true;
  });
  const all = new Uint32Array(neighbours.length + counting.length);
  all.set(neighbours);
  all.set(counting, neighbours.length);
  return all;
}

function isAscending({ times }: CollectedSamples, places: Uint32Array): boolean {
  for (let i = 1; i < places.length; i += 1) {
    if (!(times[places[i]!]! > times[places[i - 1]!]!)) return false;
  }
  return true;
}

function inTime(samples: CollectedSamples, places: Uint32Array): Uint32Array {
  if (isAscending(samples, places)) return places;
  const { times } = samples;
  return places.sort((a, b) => times[a]! - times[b]! || a - b);
}

/** Folds one input series into all windows it belongs to. */
class SeriesFold {
  readonly #windows: WindowFold;
  readonly #series: CollectedSeries;
  readonly #samples: CollectedSamples;
  readonly #inexact: Map<number, Inexact>;
  readonly #links: WindowLinks;
  readonly #at: FoldMoment;
  /** The newest sample so far that a counter goes on from; NaN: there is none. */
  #beforeUs = NaN;
  #before = NaN;
  /** It is a counter's, and lies in a window that is wanted. */
  #isBeforeWanted = false;
  #startUs: number;

  constructor(
    windows: WindowFold,
    series: CollectedSeries,
    samples: CollectedSamples,
    { inexact, links }: Readonly<{ inexact: Map<number, Inexact>; links: WindowLinks }>,
  ) {
    this.#windows = windows;
    this.#series = series;
    this.#samples = samples;
    this.#inexact = inexact;
    this.#links = links;
    this.#startUs = series.startUs;
    const keys = lanesOf(series.fingerprint);
    this.#at = {
      ...{ offset: 0, logNumber: 0, partitionTimeUs: 0, key: 0, row: 0 },
      ...{ keys, keyBytes: new Uint8Array(keys.buffer), caches: NO_CACHES },
    };
  }

  fold(places: Uint32Array, hasForgotten: boolean): void {
    const { times, values, flags, kinds, starts } = this.#samples;
    for (const i of places) {
      const timeUs = times[i]!;
      const value = values[i]!;
      const isEvent = (flags[i]! & CollectedFlag.event) !== 0;
      const isHistogram = (flags[i]! & SampleFlag.histogram) !== 0;
      const isNeighbour = (flags[i]! & CollectedFlag.neighbour) !== 0;
      if (isEvent && hasForgotten) this.#doubt(timeUs, Inexact.events, false);
      // One that came before what was read, in the middle of a window: so did others, perhaps.
      if (isNeighbour) this.#doubt(timeUs, Inexact.earlier, false);
      if ((flags[i]! & SampleFlag.stale) !== 0) continue;
      if (isHistogram) {
        if (!isNeighbour) this.#count(timeUs);
        continue;
      }
      if (isCounter(kinds[i]!) && starts[i]! > this.#startUs) this.#startUs = starts[i]!;
      if (isCounter(kinds[i]!) && this.#isBeforeWanted) this.#link(timeUs);
      if (!isNeighbour) this.#foldValue(timeUs, value, kinds[i]!);
      if (isEvent) continue;
      this.#beforeUs = timeUs;
      this.#before = value;
      this.#isBeforeWanted = !isNeighbour && isCounter(kinds[i]!);
    }
    // What came next is not known where it may have been forgotten.
    if (this.#isBeforeWanted && this.#beforeUs < this.#series.floorUs) {
      this.#doubt(this.#beforeUs, Inexact.counter, true);
    }
  }

  /** The windows of the sample before change what is increase in those of this time. */
  #link(timeUs: number): void {
    const beforeUs = this.#beforeUs;
    if (beforeUs < this.#series.floorUs && !this.#isTogether(timeUs)) {
      this.#doubt(beforeUs, Inexact.counter, true);
    }
    for (const { target, widthUs, windows, recent } of this.#series.targets) {
      const startUs = Math.floor(timeUs / widthUs) * widthUs;
      const beforeStartUs = Math.floor(beforeUs / widthUs) * widthUs;
      const number = windows.get(beforeStartUs);
      if (!target.plan.wantsIncrease || number === undefined || startUs === beforeStartUs) continue;
      const { followers, missing, isAsked } = this.#links;
      if (!isAsked(number)) continue;
      const follower = windows.get(startUs);
      if (follower !== undefined) getOrAdd(followers, number, () => new Set()).add(follower);
      else {
        const { edition } = target.plan;
        const seriesId = target.output!.fingerprint.slice(0, 8);
        const name = { edition, seriesId, widthUs, startUs, recent };
        getOrAdd(missing, number, () => []).push(name);
      }
    }
  }

  #foldValue(timeUs: number, value: number, kind: number): void {
    const { targets, wantsIncrease } = this.#series;
    const increase = wantsIncrease ? this.#increaseOf(timeUs, value, kind) : 0;
    for (const { target, widthUs, windows } of targets) {
      const startUs = Math.floor(timeUs / widthUs) * widthUs;
      if (windows.has(startUs)) this.#windows.fold(target, timeUs, value, increase, this.#at);
    }
  }

  #count(timeUs: number): void {
    for (const { target, widthUs, windows } of this.#series.targets) {
      const startUs = Math.floor(timeUs / widthUs) * widthUs;
      if (windows.has(startUs)) this.#windows.count(target, timeUs, this.#at);
    }
  }

  #increaseOf(timeUs: number, value: number, kind: number): number {
    if (kind === SampleKind.delta) return value;
    if (!isCounter(kind)) return 0;
    const { floorUs } = this.#series;
    const startUs = this.#startUs;
    // Between the two there is no other one that came before what was read.
    if (this.#beforeUs >= floorUs || this.#isTogether(timeUs)) {
      return increaseBetween(this.#beforeUs, this.#before, timeUs, value, startUs);
    }
    // The first one there ever was, or it began anew behind all that may have been forgotten.
    if (floorUs === -Infinity || (floorUs < startUs && startUs <= timeUs)) {
      return increaseBetween(floorUs, NaN, timeUs, value, startUs);
    }
    this.#doubt(timeUs, Inexact.counter, true);
    return 0;
  }

  /** Whether all time since the sample before is that of wanted windows, which are read whole. */
  #isTogether(timeUs: number): boolean {
    const { intervals } = this.#series;
    for (let i = 0; i < intervals.length; i += 2) {
      if (intervals[i]! <= this.#beforeUs && timeUs < intervals[i + 1]!) return true;
    }
    return false;
  }

  #doubt(timeUs: number, why: Inexact, isIncrease: boolean): void {
    for (const { target, widthUs, windows } of this.#series.targets) {
      if (isIncrease && !target.plan.wantsIncrease) continue;
      const number = windows.get(Math.floor(timeUs / widthUs) * widthUs);
      if (number !== undefined) this.#inexact.set(number, why);
    }
  }
}

const NO_CACHES = new SeriesCaches();
