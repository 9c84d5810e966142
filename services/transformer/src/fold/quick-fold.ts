import { SampleKind } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';
import { GAP_STEPS } from './dedupe.ts';
import { increaseBetween } from './increase.ts';
import { isCounter } from './increase-fold.ts';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import { NO_SHAPE, type SeriesPlacement } from './series-placement.ts';
import { QuickWindows, STRETCH_MAX, type Stretch } from './quick-windows.ts';
import type { FoldMoment } from './window-fold.ts';

const NONE = -1;
const FOLLOWERS_MIN = 256;

/** Is told of samples that were folded, which are fresh, and are still to be put out. */
type PutOut = (from: number, to: number, placement: SeriesPlacement) => void;

/**
 * The quick way of what nearly all samples are: the next one, with a value, of a series whose
 * windows are open and have no sketches. Columns are looked up once for many of them, and each is
 * folded by some comparisons and sums. It decides nothing of its own: whatever is unusual about a
 * sample is left to `DataFold`, so that what is put out, and the state, are as if all were.
 */
export class QuickFold {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
  readonly #putOut: PutOut;
  /**
   * By slot, the slot that came behind it in the record before: senders repeat themselves, and
   * comparing a key costs less than looking for one. A guess: it may be out of date.
   */
  #followers = new Int32Array(FOLLOWERS_MIN).fill(NONE);
  #last = NONE;
  /**
   * How many to look at together: as many as were usual the last time. Of series that are new, or
   * when a window begins, each sample is unusual, and looking at others as well would be in vain.
   */
  #reach = STRETCH_MAX;
  readonly #windows: QuickWindows;
  /** Samples that came when the watermark had passed their first window. */
  late = 0;

  constructor(head: PartitionHead, tables: FoldTables, putOut: PutOut) {
    this.#head = head;
    this.#tables = tables;
    this.#putOut = putOut;
    this.#windows = new QuickWindows(tables);
  }

  /** Whether to ask about the samples of a record: they are one of each series, and all plain. */
  takes({ refused, flags, seriesIndex }: DataRecord): boolean {
    this.#last = NONE;
    if (refused.length > 0) return false;
    for (let i = 0; i < flags.length; i += 1) {
      if (flags[i] !== 0 || seriesIndex[i] !== i) return false;
    }
    return true;
  }

  /** A sample was folded in the usual way: its series' slot, or -1. */
  follow(slot: number): void {
    const last = this.#last;
    this.#last = slot;
    if (slot >= this.#followers.length) this.#growFollowers(slot);
    if (last >= 0) this.#followers[last] = slot;
  }

  /** Folds samples from number `from` on, up to one that is unusual, whose number it returns. */
  fold(record: DataRecord, from: number, at: FoldMoment): number {
    const { length } = record.values;
    let next = from;
    /** Those from `begun` on are of one shape. */
    let begun = from;
    let shape: SeriesPlacement | undefined;
    while (next < length) {
      const slot = this.#slotOf(at.keys, 4 * next, this.#last);
      const placement = slot < 0 ? undefined : this.#tables.placements.find(slot);
      if (placement === undefined || placement.shape === NO_SHAPE) break;
      if (shape !== undefined && shape.shape !== placement.shape) {
        this.#putOut(begun, next, shape);
        begun = next;
      }
      shape = placement;
      const stretch = { record, from: next, to: Math.min(length, next + this.#reach), at };
      const asked = stretch.to;
      this.#foldStretch(stretch, placement);
      next = stretch.to;
      if (next === asked) this.#reach = Math.min(STRETCH_MAX, 2 * this.#reach);
      else this.#reach = Math.max(1, next - stretch.from);
      // Behind some it may only be one of another shape.
      if (next === stretch.from) break;
    }
    if (next > begun) this.#putOut(begun, next, shape!);
    return next;
  }

  /** Folds the first samples of a stretch and ends it behind them. */
  #foldStretch(stretch: Stretch, placement: SeriesPlacement): void {
    const { all, targets, wantsIncrease } = placement;
    stretch.to = this.#findSeries(stretch, placement);
    stretch.to = this.#dedupe(stretch, wantsIncrease);
    if (stretch.to === stretch.from) return;
    // From here on nothing is unusual: they are fresh, and what they belong to is opened for them.
    this.#windows.fold(stretch, all);
    if (targets.length > 0) {
      this.late += this.#windows.countLate(stretch, targets, this.#head.watermarkUs);
    }
    this.#last = this.#windows.slots[stretch.to - stretch.from - 1]!;
  }

  /** The slot of the series whose key is at `k`: the one that is expected, or another; or -1. */
  #slotOf(keys: Uint32Array, k: number, last: number): number {
    const { series } = this.#tables;
    const expected = last < 0 ? NONE : this.#followers[last]!;
    if (expected >= 0 && series.holds(expected, keys, k)) return expected;
    const slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    if (slot < 0) return NONE;
    if (slot >= this.#followers.length) this.#growFollowers(slot);
    if (last >= 0) this.#followers[last] = slot;
    return slot;
  }

  /** Finds series that are placed alike, and defined; returns where they end. */
  #findSeries({ record, from, to, at }: Stretch, expected: SeriesPlacement): number {
    const { placements, definitions, series } = this.#tables;
    const { definedUntilUs, besideUntilUs, definedKinds, definedLives } = placements.timed;
    const { shape, beside } = expected;
    const untilUs = beside.length === 0 ? definedUntilUs : besideUntilUs;
    const { keys, partitionTimeUs } = at;
    const { kinds } = record;
    const { life } = definitions;
    const known = series.index.keys.data;
    const seen = series.seen.data;
    const { slots, placements: placed } = this.#windows;
    let followers = this.#followers;
    let slot = this.#last;
    for (let i = from; i < to; i += 1) {
      const last = slot;
      slot = last < 0 ? NONE : followers[last]!;
      const k = 4 * i;
      const own = 4 * slot;
      const isExpected =
        slot >= 0 &&
        known[own] === keys[k] &&
        known[own + 1] === keys[k + 1] &&
        known[own + 2] === keys[k + 2] &&
        known[own + 3] === keys[k + 3] &&
        // A slot that was given back keeps its key.
        seen[slot] === seen[slot];
      if (!isExpected) {
        slot = this.#slotOf(keys, k, last);
        if (slot < 0) return i;
        followers = this.#followers;
      }
      const kind = kinds[i]!;
      const isUsual =
        kind !== SampleKind.event &&
        partitionTimeUs < untilUs[slot]! &&
        definedKinds[slot] === kind &&
        definedLives[slot] === life;
      const placement = isUsual ? placements.find(slot) : undefined;
      if (placement?.shape !== shape) return i;
      slots[i - from] = slot;
      // Mostly it is there already, and an object that is put somewhere is noted for the collector.
      if (placed[i - from] !== placement) placed[i - from] = placement;
    }
    return to;
  }

  /** Remembers samples that are newer than all that is remembered; returns where they end. */
  #dedupe({ record, from, to, at }: Stretch, wantsIncrease: boolean): number {
    const { series } = this.#tables;
    const { width } = series;
    const { kinds, times, values } = record;
    const { partitionTimeUs } = at;
    const counts = series.count.data;
    const valueless = series.valueless.data;
    const heads = series.head.data;
    const shortest = series.shortest.data;
    const floors = series.floor.data;
    const floorValues = series.floorValue.data;
    const seenTimes = series.times.data;
    const seenValues = series.values.data;
    const starts = series.start.data;
    const { slots, increases } = this.#windows;
    let largestUs = this.#head.largestTimeUs;
    let i = from;
    for (; i < to; i += 1) {
      const slot = slots[i - from]!;
      const count = counts[slot]!;
      if (count === 0 || valueless[slot] !== 0) break;
      const timeUs = times[i]!;
      const value = values[i]!;
      const isFull = count === width;
      const head = heads[slot]!;
      const first = slot * width;
      // Of a full one the place of the oldest, which goes; otherwise the first that is free.
      const place = isFull ? first + head : first + count;
      const newest = isFull && head === 0 ? first + width - 1 : place - 1;
      const newestUs = seenTimes[newest]!;
      const newestValue = seenValues[newest]!;
      const stepUs = timeUs - newestUs;
      if (!(stepUs > 0)) break;
      if (isFull) {
        const oldestUs = seenTimes[place]!;
        // Otherwise what passes below the floor may leave a gap behind.
        if (!(oldestUs - floors[slot]! <= GAP_STEPS * shortest[slot]!)) break;
        floors[slot] = oldestUs;
        floorValues[slot] = seenValues[place]!;
        heads[slot] = head + 1 === width ? 0 : head + 1;
        if (stepUs < shortest[slot]!) shortest[slot] = stepUs;
      } else {
        counts[slot] = count + 1;
        // What it is becomes known when it is asked for.
        shortest[slot] = 0;
      }
      seenTimes[place] = timeUs;
      seenValues[place] = value;
      if (wantsIncrease) {
        const kind = kinds[i]! as SampleKind;
        increases[i - from] = isCounter(kind)
          ? increaseBetween(newestUs, newestValue, timeUs, value, starts[slot]!)
          : kind === SampleKind.delta
            ? value
            : 0;
      }
      if (timeUs > largestUs) largestUs = timeUs;
      series.touch(slot, partitionTimeUs);
    }
    this.#head.largestTimeUs = largestUs;
    return i;
  }

  #growFollowers(slot: number): void {
    const grown = new Int32Array(2 * slot).fill(NONE);
    grown.set(this.#followers);
    this.#followers = grown;
  }
}
