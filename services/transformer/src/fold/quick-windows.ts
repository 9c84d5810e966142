import type { DataRecord } from '@millrace/wire';
import { PIECE_FIELDS, PieceField } from '../memory/piece-memory.ts';
import type { EditionPlan } from './edition-plan.ts';
import type { FoldTables } from './partition-state.ts';
import type { SeriesPlacement, Target } from './series-placement.ts';
import { maxOf, minOf, ROUNDED_US, type FoldMoment } from './window-fold.ts';

/** Samples that are looked at together: what was found of them is lost at an unusual one. */
export const STRETCH_MAX = 256;

/** Samples [from, to) of a record. */
export interface Stretch {
  record: DataRecord;
  from: number;
  to: number;
  at: FoldMoment;
}

/** The piece of a sample that has to be looked for. */
const MISSING = -1;

// To the engine these are numbers; what is imported it would look up for every sample.
const PIECE_SHIFT = Math.log2(PIECE_FIELDS);
/** No piece begins at or above it: said so, whatever is added needs no check for overflow. */
const NUMBERS_MASK = 0x3fffffff;
const TURN = PieceField.turn;
const START_US = PieceField.startUs;
const COUNT = PieceField.count;
const SUM = PieceField.sum;
const MIN = PieceField.min;
const MAX = PieceField.max;
const FIRST = PieceField.first;
const FIRST_TIME_US = PieceField.firstTimeUs;
const LAST = PieceField.last;
const LAST_TIME_US = PieceField.lastTimeUs;
const INCREASE = PieceField.increase;

/** What an edition wants of a value, as bits. */
const WANTS_SUM = 1;
const WANTS_MIN = 2;
const WANTS_MAX = 4;
const WANTS_INCREASE = 8;

/** One width of one target. */
interface Width {
  /** The target's number among those of the placements. */
  t: number;
  target: Target;
  w: number;
}

/** The windows of the samples of a stretch, one of each series, all of one shape. */
export class QuickWindows {
  readonly #tables: FoldTables;
  /** Of the samples at hand: where their series stand, their placements, what increases get. */
  readonly slots: Int32Array = new Int32Array(STRETCH_MAX);
  readonly placements: SeriesPlacement[] = [];
  readonly increases: Float64Array = new Float64Array(STRETCH_MAX);
  /** The pieces of their windows, target by target and width by width. */
  #pieces = new Int32Array(STRETCH_MAX);

  constructor(tables: FoldTables) {
    this.#tables = tables;
  }

  /**
   * Folds all samples into all targets: at once those whose pieces are those of the samples before.
   * Of the others none is in such a piece, so each piece gets its samples in turn.
   */
  fold(stretch: Stretch, targets: readonly Target[]): void {
    const { windows } = this.#tables;
    const length = stretch.to - stretch.from;
    let first = 0;
    let missing = 0;
    for (let t = 0; t < targets.length; t += 1) {
      const target = targets[t]!;
      const widths = target.plan.widthsUs.length;
      this.#reserve(first + widths * STRETCH_MAX);
      for (let w = 0; w < widths; w += 1, first += STRETCH_MAX) {
        const isOwn = target.output === undefined;
        missing += isOwn
          ? this.#foldOwn(stretch, { t, target, w }, first)
          : this.#foldOutputs(stretch, { t, target, w }, first);
        windows.touchAll(this.#pieces, first, first + length, stretch.at);
      }
    }
    if (missing > 0) this.#foldMissing(stretch);
  }

  /** Those whose first window the watermark had passed, of any of these targets. */
  countLate(
    { record: { times }, from, to }: Stretch,
    targets: readonly Target[],
    watermarkUs: number,
  ): number {
    let late = 0;
    let lastUs = NaN;
    let isLate = false;
    for (let i = from; i < to; i += 1) {
      const timeUs = times[i]!;
      if (timeUs >= watermarkUs) continue;
      if (timeUs !== lastUs) {
        isLate = targets.some(({ plan }) => {
          const widthUs = plan.widthsUs[0]!;
          return (Math.floor(timeUs / widthUs) + 1) * widthUs <= watermarkUs;
        });
        lastUs = timeUs;
      }
      if (isLate) late += 1;
    }
    return late;
  }

  /**
   * Into one width of a target whose output series are the input series; returns how many pieces
   * are missing. As `WindowFold` tells whether it is the piece of the sample before.
   */
  #foldOwn(
    { record, from, to }: Stretch,
    { target: { plan, lane }, w }: Width,
    first: number,
  ): number {
    const { times, values } = record;
    const { placements, windows } = this.#tables;
    const numbers = windows.pieces.numbers.data;
    const hints = placements.timed.hints(lane);
    const { slots, increases } = this;
    const found = this.#pieces;
    const { untilUs } = plan;
    const wants = wantsOf(plan);
    const stride = 2 * plan.widthsUs.length;
    const widthUs = plan.widthsUs[w]! - ROUNDED_US;
    const length = to - from;
    let missing = 0;
    for (let j = 0; j < length; j += 1) {
      const h = stride * slots[j]! + 2 * w;
      const piece = hints[h]! | 0;
      const n = (piece << PIECE_SHIFT) & NUMBERS_MASK;
      const timeUs = times[from + j]!;
      const startUs = numbers[n + START_US]!;
      const sinceUs = timeUs - startUs;
      const isSame =
        numbers[n + TURN] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        startUs < untilUs;
      found[first + j] = isSame ? piece : MISSING;
      if (isSame) foldValue(numbers, n, wants, timeUs, values[from + j]!, increases[j]!);
      else missing += 1;
    }
    return missing;
  }

  /** The same of a target into which others are folded as well. */
  #foldOutputs(
    { record, from, to }: Stretch,
    { t, target: { plan }, w }: Width,
    first: number,
  ): number {
    const { times, values } = record;
    const numbers = this.#tables.windows.pieces.numbers.data;
    const { placements, increases } = this;
    const found = this.#pieces;
    const { untilUs } = plan;
    const wants = wantsOf(plan);
    const widthUs = plan.widthsUs[w]! - ROUNDED_US;
    const h = 2 * w;
    const length = to - from;
    let missing = 0;
    for (let j = 0; j < length; j += 1) {
      const { hints } = placements[j]!.all[t]!.output!;
      const piece = hints[h]! | 0;
      const n = (piece << PIECE_SHIFT) & NUMBERS_MASK;
      const timeUs = times[from + j]!;
      const startUs = numbers[n + START_US]!;
      const sinceUs = timeUs - startUs;
      const isSame =
        numbers[n + TURN] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        startUs < untilUs;
      found[first + j] = isSame ? piece : MISSING;
      if (isSame) foldValue(numbers, n, wants, timeUs, values[from + j]!, increases[j]!);
      else missing += 1;
    }
    return missing;
  }

  /** Opened sample by sample, as they would be one by one: in that order pieces are put out. */
  #foldMissing({ record: { times, values }, from, to, at }: Stretch): void {
    const { placements, windows } = this.#tables;
    const found = this.#pieces;
    at.caches = placements.timed;
    for (let i = from; i < to; i += 1) {
      const j = i - from;
      at.key = 4 * i;
      at.row = this.slots[j]!;
      let place = j;
      for (const target of this.placements[j]!.all) {
        const { plan } = target;
        for (let w = 0; w < plan.widthsUs.length; w += 1, place += STRETCH_MAX) {
          if (found[place] !== MISSING) continue;
          const piece = windows.pieceAt(target, w, times[i]!, at);
          if (piece < 0) continue;
          const { data } = windows.pieces.numbers;
          const [value, increase] = [values[i]!, this.increases[j]!];
          foldValue(data, piece << PIECE_SHIFT, wantsOf(plan), times[i]!, value, increase);
        }
      }
    }
  }

  #reserve(places: number): void {
    if (this.#pieces.length >= places) return;
    const grown = new Int32Array(places);
    grown.set(this.#pieces);
    this.#pieces = grown;
  }
}

function wantsOf({ wantsSum, wantsMin, wantsMax, wantsIncrease }: EditionPlan): number {
  return (
    (wantsSum ? WANTS_SUM : 0) |
    (wantsMin ? WANTS_MIN : 0) |
    (wantsMax ? WANTS_MAX : 0) |
    (wantsIncrease ? WANTS_INCREASE : 0)
  );
}

/** Folds a value into the piece whose numbers begin at `n`, to the same as `WindowFold` does. */
function foldValue(
  numbers: Float64Array,
  n: number,
  wants: number,
  timeUs: number,
  value: number,
  increase: number,
): void {
  numbers[n + COUNT]! += 1;
  if ((wants & WANTS_SUM) !== 0) numbers[n + SUM]! += value;
  if ((wants & WANTS_MIN) !== 0) {
    const min = numbers[n + MIN]!;
    if (!(value >= min)) numbers[n + MIN] = minOf(min, value);
  }
  if ((wants & WANTS_MAX) !== 0) {
    const max = numbers[n + MAX]!;
    if (!(value <= max)) numbers[n + MAX] = maxOf(max, value);
  }
  if ((wants & WANTS_INCREASE) !== 0) numbers[n + INCREASE]! += increase;
  if (timeUs < numbers[n + FIRST_TIME_US]!) {
    numbers[n + FIRST_TIME_US] = timeUs;
    numbers[n + FIRST] = value;
  }
  if (timeUs >= numbers[n + LAST_TIME_US]!) {
    numbers[n + LAST_TIME_US] = timeUs;
    numbers[n + LAST] = value;
  }
}
