import { SampleKind } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';
import { PIECE_FIELDS, PieceBit, PieceField } from '../memory/piece-memory.ts';
import { GAP_STEPS } from './dedupe.ts';
import type { EditionPlan } from './edition-plan.ts';
import { increaseBetween } from './increase.ts';
import { isCounter } from './increase-fold.ts';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import type { SeriesPlacement, Target } from './series-placement.ts';
import { maxOf, minOf, ROUNDED_US, type FoldMoment } from './window-fold.ts';

const NONE = -1;
const FOLLOWERS_MIN = 256;
/** Samples that are looked at together: what was found of them is lost at an unusual one. */
const STRETCH_MAX = 64;

/** Samples [from, to) of a record. */
interface Stretch {
  record: DataRecord;
  from: number;
  to: number;
  at: FoldMoment;
}

/**
 * The quick way of what nearly all samples are: the next one, with a value, of a series that is
 * kept raw, rolled up and nothing else, and whose windows are open. Columns are looked up once for
 * many of them, and each is folded by some comparisons and sums. It decides nothing of its own:
 * whatever is unusual about a sample is left to `DataFold`, so that what is put out, and the state,
 * are the same as if all were.
 */
export class QuickFold {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
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
  /** Of the samples at hand: where their series stand, and what they add to increases. */
  readonly #slots = new Int32Array(STRETCH_MAX);
  readonly #increases = new Float64Array(STRETCH_MAX);
  /** The pieces of their windows, width by width. */
  #pieces = new Int32Array(STRETCH_MAX);
  /** Samples that came when the watermark had passed their first window. */
  late = 0;

  constructor(head: PartitionHead, tables: FoldTables) {
    this.#head = head;
    this.#tables = tables;
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

  /**
   * Folds samples from number `from` on, up to one that is unusual, whose number it returns. They
   * are fresh, and are still to be put out.
   */
  fold(record: DataRecord, from: number, at: FoldMoment): number {
    const { length } = record.values;
    let next = from;
    // Of the first of a record nothing is expected, which says nothing about those behind it.
    while (this.#last >= 0 && next < length) {
      const stretch = { record, from: next, to: Math.min(length, next + this.#reach), at };
      const asked = stretch.to;
      this.#foldStretch(stretch);
      next = stretch.to;
      if (next < asked) {
        this.#reach = Math.max(1, next - stretch.from);
        break;
      }
      this.#reach = Math.min(STRETCH_MAX, 2 * this.#reach);
    }
    return next;
  }

  /** Folds the first samples of a stretch and ends it behind them. */
  #foldStretch(stretch: Stretch): void {
    const placement = this.#expected();
    const target = placement && quickTarget(placement);
    if (target === undefined) {
      stretch.to = stretch.from;
      return;
    }
    const { plan, lane } = target;
    const widths = plan.widthsUs.length;
    if (this.#pieces.length < widths * STRETCH_MAX) {
      this.#pieces = new Int32Array(widths * STRETCH_MAX);
    }
    stretch.to = this.#findSeries(stretch, placement!);
    const hints = this.#tables.placements.timed.hints(lane);
    for (let w = 0; w < widths; w += 1) stretch.to = this.#findPieces(stretch, plan, hints, w);
    stretch.to = this.#dedupe(stretch, plan);
    if (stretch.to === stretch.from) return;
    for (let w = 0; w < widths; w += 1) this.#foldWindows(stretch, plan, w);
    this.#countLate(stretch, plan.widthsUs[0]!);
    this.#last = this.#slots[stretch.to - stretch.from - 1]!;
  }

  /** What the rules do with the series that is expected next. */
  #expected(): SeriesPlacement | undefined {
    const slot = this.#followers[this.#last]!;
    return slot < 0 ? undefined : this.#tables.placements.find(slot);
  }

  /** Finds series that are expected, placed alike, and defined; returns where they end. */
  #findSeries({ record, from, to, at }: Stretch, placement: SeriesPlacement): number {
    const { placements, definitions, series } = this.#tables;
    const { definedUntilUs, definedKinds, definedLives } = placements.timed;
    const { keys, partitionTimeUs } = at;
    const { kinds } = record;
    const { life } = definitions;
    const known = series.index.keys.data;
    const seen = series.seen.data;
    const followers = this.#followers;
    const slots = this.#slots;
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
        placements.find(slot) === placement &&
        partitionTimeUs < definedUntilUs[slot]! &&
        definedKinds[slot] === kind &&
        definedLives[slot] === life;
      if (!isUsual) return i;
      slots[i - from] = slot;
    }
    return to;
  }

  /** Finds open pieces of one width that have changed before; returns where they end. */
  #findPieces(
    { record: { times }, from, to }: Stretch,
    { widthsUs, untilUs }: EditionPlan,
    hints: Float64Array,
    w: number,
  ): number {
    const { pieces } = this.#tables.windows;
    const numbers = pieces.numbers.data;
    const bits = pieces.bits.data;
    const slots = this.#slots;
    const found = this.#pieces;
    const widths = widthsUs.length;
    const widthUs = widthsUs[w]! - ROUNDED_US;
    for (let i = from; i < to; i += 1) {
      const h = 2 * (slots[i - from]! * widths + w);
      const piece = hints[h]! | 0;
      const n = piece * PIECE_FIELDS;
      const sinceUs = times[i]! - numbers[n + PieceField.startUs]!;
      const isUsual =
        // As `WindowFold` tells that it is the piece of the sample before.
        numbers[n + PieceField.turn] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        numbers[n + PieceField.startUs]! < untilUs &&
        (bits[piece]! & PieceBit.changed) !== 0;
      if (!isUsual) return i;
      found[w * STRETCH_MAX + i - from] = piece;
    }
    return to;
  }

  /** Remembers samples that are newer than a full series remembers; returns where they end. */
  #dedupe({ record, from, to, at }: Stretch, { wantsIncrease }: EditionPlan): number {
    const { series } = this.#tables;
    const { width } = series;
    const { kinds, times, values } = record;
    const [counts, valueless] = [series.count.data, series.valueless.data];
    const [heads, shortest] = [series.head.data, series.shortest.data];
    const [floors, floorValues] = [series.floor.data, series.floorValue.data];
    const [seenTimes, seenValues] = [series.times.data, series.values.data];
    const starts = series.start.data;
    const slots = this.#slots;
    const increases = this.#increases;
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

  /** Folds values into the pieces that were found of one width. */
  #foldWindows({ record, from, to, at }: Stretch, plan: EditionPlan, w: number): void {
    const { pieces } = this.#tables.windows;
    const { wantsSum, wantsMin, wantsMax, wantsIncrease } = plan;
    const { times, values } = record;
    const numbers = pieces.numbers.data;
    const increases = this.#increases;
    const found = this.#pieces;
    for (let i = from; i < to; i += 1) {
      const piece = found[w * STRETCH_MAX + i - from]!;
      const n = piece * PIECE_FIELDS;
      const timeUs = times[i]!;
      const value = values[i]!;
      numbers[n + PieceField.count]! += 1;
      if (wantsSum) numbers[n + PieceField.sum]! += value;
      if (wantsMin) numbers[n + PieceField.min] = minOf(numbers[n + PieceField.min]!, value);
      if (wantsMax) numbers[n + PieceField.max] = maxOf(numbers[n + PieceField.max]!, value);
      if (wantsIncrease) numbers[n + PieceField.increase]! += increases[i - from]!;
      if (timeUs < numbers[n + PieceField.firstTimeUs]!) {
        numbers[n + PieceField.firstTimeUs] = timeUs;
        numbers[n + PieceField.first] = value;
      }
      if (timeUs >= numbers[n + PieceField.lastTimeUs]!) {
        numbers[n + PieceField.lastTimeUs] = timeUs;
        numbers[n + PieceField.last] = value;
      }
      pieces.touch(piece, at.partitionTimeUs, at.offset);
    }
  }

  #countLate({ record: { times }, from, to }: Stretch, widthUs: number): void {
    const { watermarkUs } = this.#head;
    const numbers = this.#tables.windows.pieces.numbers.data;
    for (let i = from; i < to; i += 1) {
      if (times[i]! >= watermarkUs) continue;
      const n = this.#pieces[i - from]! * PIECE_FIELDS;
      if (numbers[n + PieceField.startUs]! + widthUs <= watermarkUs) this.late += 1;
    }
  }

  #growFollowers(slot: number): void {
    const grown = new Int32Array(2 * slot).fill(NONE);
    grown.set(this.#followers);
    this.#followers = grown;
  }
}

/** The one target of a placement that has nothing unusual about it. */
function quickTarget({ keepRaw, targets, beside }: SeriesPlacement): Target | undefined {
  const target = targets[0];
  if (!keepRaw || target === undefined || targets.length > 1 || beside.length > 0) return undefined;
  const { plan, output } = target;
  const hasSketches = plan.wantsHistogram || plan.wantsDistinct || plan.wantsInputs;
  return output !== undefined || hasSketches ? undefined : target;
}
