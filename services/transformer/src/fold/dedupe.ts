import { sameValue } from '@millrace/model';
import type { FoldSettings } from '@millrace/wire';
import type { SeriesMemory } from '../memory/series-memory.ts';

/** What dedupe says of a sample. */
export const Verdict = { fresh: 0, duplicate: 1, conflict: 2, unverified: 3 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** An interval that passes below the floor is a gap when longer than this many usual steps. */
export const GAP_STEPS = 1.5;

/** The neighbours in time of a fresh sample, for increases. Reused from call to call. */
export interface Neighbours {
  /** The sample fell into a gap: its neighbours' increases are not known. */
  inGap: boolean;
  previousTimeUs: number;
  /** NaN when there is no previous sample, or its value is not known. */
  previousValue: number;
  /** NaN when the sample is the newest. */
  nextTimeUs: number;
  nextValue: number;
}

/**
 * Dedupe by (series, time). A series remembers its newest N times with values, its floor below
 * them, and the newest gaps: intervals below the floor in which nothing was seen. A time that is
 * remembered is a duplicate or a conflict; one above the floor, or inside a gap, is fresh; the
 * rest cannot be told.
 */
export class SeriesDedupe {
  readonly #memory: SeriesMemory;
  readonly #settings: Pick<FoldSettings, 'gapsMax'>;
  readonly neighbours: Neighbours = {
    inGap: false,
    previousTimeUs: NaN,
    previousValue: NaN,
    nextTimeUs: NaN,
    nextValue: NaN,
  };

  constructor(memory: SeriesMemory, settings: Pick<FoldSettings, 'gapsMax'>) {
    this.#memory = memory;
    this.#settings = settings;
  }

  /**
   * Decides about one sample; a fresh one is remembered. Fills `neighbours` when fresh.
   * `isValueless`: its value tells it from others, but no counter goes on from it.
   */
  decide(slot: number, timeUs: number, value: number, isValueless: boolean): Verdict {
    if (!isValueless && this.#isNewest(slot, timeUs)) {
      this.#rememberNewest(slot, timeUs, value);
      return Verdict.fresh;
    }
    const memory = this.#memory;
    memory.order(slot);
    const count = memory.count.data[slot]!;
    const first = slot * memory.width;
    const times = memory.times.data;
    // The place of the first remembered time that is not before this one; most are the newest.
    let at = count;
    while (at > 0 && times[first + at - 1]! >= timeUs) at -= 1;
    if (at < count && times[first + at] === timeUs)
      return this.#compare(slot, at, value, isValueless);
    if (timeUs <= memory.floor.data[slot]!) return this.#belowFloor(slot, timeUs);
    this.#findNeighbours(slot, at, count);
    this.#remember(slot, at, count, timeUs, value, isValueless);
    return Verdict.fresh;
  }

  /** Whether it is newer than a full series remembers, and all of those have values. */
  #isNewest(slot: number, timeUs: number): boolean {
    const memory = this.#memory;
    const { width } = memory;
    if (memory.count.data[slot] !== width || memory.valueless.data[slot] !== 0) return false;
    const head = memory.head.data[slot]!;
    return timeUs > memory.times.data[slot * width + (head === 0 ? width : head) - 1]!;
  }

  /** The quick way of what most samples are: the same as `#findNeighbours` and `#remember`. */
  #rememberNewest(slot: number, timeUs: number, value: number): void {
    const memory = this.#memory;
    const { width } = memory;
    const times = memory.times.data;
    const values = memory.values.data;
    const head = memory.head.data[slot]!;
    const oldest = slot * width + head;
    const newest = head === 0 ? oldest + width - 1 : oldest - 1;
    const newestUs = times[newest]!;
    const n = this.neighbours;
    n.inGap = false;
    n.previousTimeUs = newestUs;
    n.previousValue = values[newest]!;
    n.nextTimeUs = NaN;
    n.nextValue = NaN;
    this.#raiseFloor(slot, times[oldest]!, values[oldest]!, false);
    times[oldest] = timeUs;
    values[oldest] = value;
    memory.head.data[slot] = head + 1 === width ? 0 : head + 1;
    const shortest = memory.shortest.data;
    if (timeUs - newestUs < shortest[slot]!) shortest[slot] = timeUs - newestUs;
  }

  /** The first microsecond from `timeUs` on that the series does not remember. */
  freeTime(slot: number, timeUs: number): number {
    const memory = this.#memory;
    memory.order(slot);
    const first = slot * memory.width;
    const count = memory.count.data[slot]!;
    let free = timeUs;
    for (let i = 0; i < count; i += 1) if (memory.times.data[first + i] === free) free += 1;
    return free;
  }

  #compare(slot: number, at: number, value: number, isValueless: boolean): Verdict {
    const memory = this.#memory;
    const wasValueless = (memory.valueless.data[slot]! & (1 << at)) !== 0;
    const same = sameValue(memory.values.data[slot * memory.width + at]!, value);
    return same && wasValueless === isValueless ? Verdict.duplicate : Verdict.conflict;
  }

  #belowFloor(slot: number, timeUs: number): Verdict {
    const gaps = this.#memory.gaps.get(slot);
    if (gaps === undefined) return Verdict.unverified;
    for (let i = 0; i < gaps.length; i += 2) {
      const from = gaps[i]!;
      const to = gaps[i + 1]!;
      if (timeUs <= from || timeUs >= to) continue;
      // The arrival splits the gap; what is left on either side is kept only if it is one.
      const parts = [from, timeUs, timeUs, to];
      const kept = [0, 2].filter((p) => this.#isGap(slot, parts[p + 1]! - parts[p]!));
      gaps.splice(i, 2, ...kept.flatMap((p) => parts.slice(p, p + 2)));
      this.#keepGaps(slot, gaps);
      this.neighbours.inGap = true;
      return Verdict.fresh;
    }
    return Verdict.unverified;
  }

  #findNeighbours(slot: number, at: number, count: number): void {
    const memory = this.#memory;
    const first = slot * memory.width;
    const valueless = memory.valueless.data[slot]!;
    const n = this.neighbours;
    n.inGap = false;
    let before = at - 1;
    while (before >= 0 && (valueless & (1 << before)) !== 0) before -= 1;
    let after = at;
    while (after < count && (valueless & (1 << after)) !== 0) after += 1;
    const { data: times } = memory.times;
    const { data: values } = memory.values;
    n.previousTimeUs = before < 0 ? memory.floor.data[slot]! : times[first + before]!;
    n.previousValue = before < 0 ? memory.floorValue.data[slot]! : values[first + before]!;
    n.nextTimeUs = after === count ? NaN : times[first + after]!;
    n.nextValue = after === count ? NaN : values[first + after]!;
  }

  #remember(
    slot: number,
    at: number,
    count: number,
    timeUs: number,
    value: number,
    isValueless: boolean,
  ): void {
    const memory = this.#memory;
    const { width } = memory;
    const first = slot * width;
    const times = memory.times.data;
    const values = memory.values.data;
    let place = at;
    let bits = memory.valueless.data[slot]!;
    const low = (1 << at) - 1;
    if (count === width) {
      // Full: the oldest goes below the floor, which may be the newcomer itself.
      if (at === 0) {
        this.#raiseFloor(slot, timeUs, value, isValueless);
        return;
      }
      this.#raiseFloor(slot, times[first]!, values[first]!, (bits & 1) !== 0);
      place = at - 1;
      // Not copyWithin: for so few values the call costs more than the work.
      for (let i = first; i < first + place; i += 1) {
        times[i] = times[i + 1]!;
        values[i] = values[i + 1]!;
      }
      bits = ((bits & low) >>> 1) | (bits & ~low);
    } else {
      for (let i = first + count; i > first + at; i -= 1) {
        times[i] = times[i - 1]!;
        values[i] = values[i - 1]!;
      }
      bits = (bits & low) | ((bits & ~low) << 1);
      memory.count.data[slot] = count + 1;
    }
    times[first + place] = timeUs;
    values[first + place] = value;
    // What it is becomes known when it is asked for.
    memory.shortest.data[slot] = 0;
    memory.valueless.data[slot] = isValueless ? bits | (1 << place) : bits & ~(1 << place);
  }

  /** Moves the floor up to a time that is forgotten; the interval below it may be a gap. */
  #raiseFloor(slot: number, timeUs: number, value: number, isValueless: boolean): void {
    const memory = this.#memory;
    const floorUs = memory.floor.data[slot]!;
    memory.floor.data[slot] = timeUs;
    // What has no value leaves the one before it in force: increases go on from there.
    if (!isValueless) memory.floorValue.data[slot] = value;
    if (!this.#isGap(slot, timeUs - floorUs)) return;
    const gaps = memory.gaps.get(slot) ?? [];
    gaps.push(floorUs, timeUs);
    this.#keepGaps(slot, gaps);
  }

  /** The lowest go; the bound may have changed since the last one came. */
  #keepGaps(slot: number, gaps: number[]): void {
    const over = gaps.length - 2 * this.#settings.gapsMax;
    if (over > 0) gaps.splice(0, over);
    this.#memory.gaps.set(slot, gaps);
  }

  /**
   * Whether an interval exceeds the usual step: it does when it exceeds more than a quarter of the
   * remembered intervals, each stretched by GAP_STEPS. Not the median: while a backlog is drained
   * by many senders, more than half of the newest intervals may have a hole in them.
   */
  #isGap(slot: number, lengthUs: number): boolean {
    const memory = this.#memory;
    // Then it exceeds none of them.
    if (lengthUs <= GAP_STEPS * memory.shortest.data[slot]!) return false;
    const times = memory.times.data;
    const first = slot * memory.width;
    const end = first + memory.width;
    const steps = memory.count.data[slot]! - 1;
    let shorter = 0;
    let shortestUs = Infinity;
    // Not put in order: whoever asks may be about to write where the oldest is.
    let at = first + memory.head.data[slot]!;
    for (let step = 0; step < steps; step += 1) {
      const next = at + 1 === end ? first : at + 1;
      const stepUs = times[next]! - times[at]!;
      if (stepUs < shortestUs) shortestUs = stepUs;
      if (GAP_STEPS * stepUs < lengthUs) shorter += 1;
      at = next;
    }
    memory.shortest.data[slot] = shortestUs;
    return 4 * shorter > steps;
  }
}
