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
    // Of the first of a record nothing is expected, which says nothing about those behind it.
    while (this.#last >= 0 && next < length) {
      const placement = this.#expected();
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
    this.#windows.find(stretch, all);
    stretch.to = this.#dedupe(stretch, wantsIncrease);
    if (stretch.to === stretch.from) return;
    this.#windows.fold(stretch, all);
    this.late += this.#windows.countLate(stretch, targets, this.#head.watermarkUs);
    this.#last = this.#windows.slots[stretch.to - stretch.from - 1]!;
  }

  /** What the rules do with the series that is expected next. */
  #expected(): SeriesPlacement | undefined {
    const slot = this.#followers[this.#last]!;
    return slot < 0 ? undefined : this.#tables.placements.find(slot);
  }

  /** Finds series that are expected, placed alike, and defined; returns where they end. */
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
    const followers = this.#followers;
    const { slots, placements: placed } = this.#windows;
    let slot = this.#last;
    for (let i = from; i < to; i += 1) {
      slot = followers[slot]!;
      const k = 4 * i;
      const own = 4 * slot;
      const kind = kinds[i]!;
      const isUsual =
        slot >= 0 &&
        known[own] === keys[k] &&
        known[own + 1] === keys[k + 1] &&
        known[own + 2] === keys[k + 2] &&
        known[own + 3] === keys[k + 3] &&
        // A slot that was given back keeps its key.
        seen[slot] === seen[slot] &&
        kind !== SampleKind.event &&
        partitionTimeUs < untilUs[slot]! &&
        definedKinds[slot] === kind &&
        definedLives[slot] === life;
      const placement = isUsual ? placements.find(slot) : undefined;
      if (placement?.shape !== shape) return i;
      slots[i - from] = slot;
      placed[i - from] = placement;
    }
    return to;
  }

  /** Remembers samples that are newer than a full series remembers; returns where they end. */
  #dedupe({ record, from, to, at }: Stretch, wantsIncrease: boolean): number {
    const { series } = this.#tables;
    const { width } = series;
    const { kinds, times, values } = record;
    const [counts, valueless] = [series.count.data, series.valueless.data];
    const [heads, shortest] = [series.head.data, series.shortest.data];
    const [floors, floorValues] = [series.floor.data, series.floorValue.data];
    const [seenTimes, seenValues] = [series.times.data, series.values.data];
    const starts = series.start.data;
    const { slots, increases } = this.#windows;
    let largestUs = this.#head.largestTimeUs;
    let i = from;
    for (; i < to; i += 1) {
      const slot = slots[i - from]!;
      const timeUs = times[i]!;
      const head = heads[slot]!;
      const oldest = slot * width + head;
      const newest = head === 0 ? oldest + width - 1 : oldest - 1;
      const stepUs = timeUs - seenTimes[newest]!;
      const oldestUs = seenTimes[oldest]!;
      const isUsual =
        counts[slot] === width &&
        valueless[slot] === 0 &&
        stepUs > 0 &&
        // Otherwise what passes below the floor may leave a gap behind.
        oldestUs - floors[slot]! <= GAP_STEPS * shortest[slot]!;
      if (!isUsual) break;
      const value = values[i]!;
      if (wantsIncrease) {
        const kind = kinds[i]! as SampleKind;
        const [newestUs, newestValue] = [seenTimes[newest]!, seenValues[newest]!];
        increases[i - from] = isCounter(kind)
          ? increaseBetween(newestUs, newestValue, timeUs, value, starts[slot]!)
          : kind === SampleKind.delta
            ? value
            : 0;
      }
      floors[slot] = oldestUs;
      floorValues[slot] = seenValues[oldest]!;
      seenTimes[oldest] = timeUs;
      seenValues[oldest] = value;
      heads[slot] = head + 1 === width ? 0 : head + 1;
      if (stepUs < shortest[slot]!) shortest[slot] = stepUs;
      if (timeUs > largestUs) largestUs = timeUs;
      series.touch(slot, at.partitionTimeUs);
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
