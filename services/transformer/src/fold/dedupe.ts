import { sameValue } from '@millrace/model';
import type { FoldSettings } from '@millrace/wire';
import type { SeriesMemory } from '../memory/series-memory.ts';

/** What dedupe says of a sample. */
export const Verdict = { fresh: 0, duplicate: 1, conflict: 2, unverified: 3 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** An interval that passes below the floor is a gap when longer than this many usual steps. */
const GAP_STEPS = 1.5;

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
  readonly #gapsMax: number;
  readonly neighbours: Neighbours = {
    inGap: false,
    previousTimeUs: NaN,
    previousValue: NaN,
    nextTimeUs: NaN,
    nextValue: NaN,
  };

  constructor(memory: SeriesMemory, settings: Pick<FoldSettings, 'gapsMax'>) {
    this.#memory = memory;
    this.#gapsMax = settings.gapsMax;
  }

  /** Decides about one sample; a fresh one is remembered. Fills `neighbours` when fresh. */
  decide(slot: number, timeUs: number, value: number, stale: boolean): Verdict {
    const memory = this.#memory;
    const { width } = memory;
    const count = memory.count.data[slot]!;
    const first = slot * width;
    const times = memory.times.data;
    // The place of the first remembered time that is not before this one; most are the newest.
    let at = count;
    while (at > 0 && times[first + at - 1]! >= timeUs) at -= 1;
    if (at < count && times[first + at] === timeUs) return this.#compare(slot, at, value, stale);
    if (timeUs <= memory.floor.data[slot]!) return this.#belowFloor(slot, timeUs);
    this.#findNeighbours(slot, at, count);
    this.#remember(slot, at, count, timeUs, value, stale);
    return Verdict.fresh;
  }

  /** The first microsecond from `timeUs` on that the series does not remember. */
  freeTime(slot: number, timeUs: number): number {
    const memory = this.#memory;
    const first = slot * memory.width;
    const count = memory.count.data[slot]!;
    let free = timeUs;
    for (let i = 0; i < count; i += 1) if (memory.times.data[first + i] === free) free += 1;
    return free;
  }

  #compare(slot: number, at: number, value: number, stale: boolean): Verdict {
    const memory = this.#memory;
    const wasStale = (memory.stale.data[slot]! & (1 << at)) !== 0;
    const same = sameValue(memory.values.data[slot * memory.width + at]!, value);
    return same && wasStale === stale ? Verdict.duplicate : Verdict.conflict;
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
      if (gaps.length > 2 * this.#gapsMax) gaps.splice(0, 2);
      this.neighbours.inGap = true;
      return Verdict.fresh;
    }
    return Verdict.unverified;
  }

  #findNeighbours(slot: number, at: number, count: number): void {
    const memory = this.#memory;
    const first = slot * memory.width;
    const stale = memory.stale.data[slot]!;
    const n = this.neighbours;
    n.inGap = false;
    n.previousTimeUs = memory.floor.data[slot]!;
    n.previousValue = memory.floorValue.data[slot]!;
    n.nextTimeUs = NaN;
    n.nextValue = NaN;
    for (let i = at - 1; i >= 0; i -= 1) {
      if ((stale & (1 << i)) !== 0) continue;
      n.previousTimeUs = memory.times.data[first + i]!;
      n.previousValue = memory.values.data[first + i]!;
      break;
    }
    for (let i = at; i < count; i += 1) {
      if ((stale & (1 << i)) !== 0) continue;
      n.nextTimeUs = memory.times.data[first + i]!;
      n.nextValue = memory.values.data[first + i]!;
      break;
    }
  }

  #remember(
    slot: number,
    at: number,
    count: number,
    timeUs: number,
    value: number,
    stale: boolean,
  ): void {
    const memory = this.#memory;
    const { width } = memory;
    const first = slot * width;
    const times = memory.times.data;
    const values = memory.values.data;
    let place = at;
    let bits = memory.stale.data[slot]!;
    if (count === width) {
      // Full: the oldest goes below the floor, which may be the newcomer itself.
      if (at === 0) {
        this.#raiseFloor(slot, timeUs, stale ? NaN : value, stale);
        return;
      }
      this.#raiseFloor(slot, times[first]!, values[first]!, (bits & 1) !== 0);
      times.copyWithin(first, first + 1, first + at);
      values.copyWithin(first, first + 1, first + at);
      place = at - 1;
      const low = (1 << at) - 1;
      bits = ((bits & low) >>> 1) | (bits & ~low);
    } else {
      times.copyWithin(first + at + 1, first + at, first + count);
      values.copyWithin(first + at + 1, first + at, first + count);
      const low = (1 << at) - 1;
      bits = (bits & low) | ((bits & ~low) << 1);
      memory.count.data[slot] = count + 1;
    }
    times[first + place] = timeUs;
    values[first + place] = value;
    memory.stale.data[slot] = stale ? bits | (1 << place) : bits & ~(1 << place);
  }

  /** Moves the floor up to a time that is forgotten; the interval below it may be a gap. */
  #raiseFloor(slot: number, timeUs: number, value: number, stale: boolean): void {
    const memory = this.#memory;
    const floorUs = memory.floor.data[slot]!;
    memory.floor.data[slot] = timeUs;
    // A stale marker leaves the value before it in force: increases go on from there.
    if (!stale) memory.floorValue.data[slot] = value;
    if (!this.#isGap(slot, timeUs - floorUs)) return;
    let gaps = memory.gaps.get(slot);
    if (gaps === undefined) memory.gaps.set(slot, (gaps = []));
    gaps.push(floorUs, timeUs);
    if (gaps.length > 2 * this.#gapsMax) gaps.splice(0, 2);
  }

  /**
   * Whether an interval exceeds the usual step, the median of the remembered intervals: it does
   * when it exceeds more than half of them, each stretched by GAP_STEPS.
   */
  #isGap(slot: number, lengthUs: number): boolean {
    const memory = this.#memory;
    const first = slot * memory.width;
    const last = first + memory.count.data[slot]! - 1;
    const times = memory.times.data;
    let shorter = 0;
    for (let i = first; i < last; i += 1) {
      if (GAP_STEPS * (times[i + 1]! - times[i]!) < lengthUs) shorter += 1;
    }
    return 2 * shorter > last - first;
  }
}
