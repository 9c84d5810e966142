import type { DataRecord } from '@millrace/wire';
import { PIECE_FIELDS, PieceBit, PieceField } from '../memory/piece-memory.ts';
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
const TOUCHED_US = PieceField.touchedUs;
const TOUCHED_OFFSET = PieceField.touchedOffset;

/** What an edition wants of a value, as bits. */
export const WANTS_SUM = 1;
export const WANTS_MIN = 2;
export const WANTS_MAX = 4;
export const WANTS_INCREASE = 8;

/** One width of one target, and where what is found of it stands. */
interface TargetWidth {
  /** The target, and its number among those of each placement. */
  target: Target;
  targetNumber: number;
  /** The width's number among those of the target. */
  widthNumber: number;
  /** Number of the column, and the place of its first sample. */
  column: number;
  begin: number;
}

/** The windows of the samples of a stretch, whose series are all of one shape. */
export class QuickWindows {
  readonly #tables: FoldTables;
  /** Of the samples at hand: where their series stand, their placements, what increases get. */
  readonly slots: Int32Array = new Int32Array(STRETCH_MAX);
  readonly placements: SeriesPlacement[] = [];
  readonly increases: Float64Array = new Float64Array(STRETCH_MAX);
  /** The pieces of their windows, a column for each width of each target. */
  #pieces = new Int32Array(STRETCH_MAX);
  /** Of each column how many of the samples were folded as soon as they were found. */
  readonly #foldedAtOnce: number[] = [];

  constructor(tables: FoldTables) {
    this.#tables = tables;
  }

  /**
   * Folds all samples into all targets. Those whose pieces are those of the samples before are
   * folded in one look, and others found, or opened, behind them. Which are which depends on hints,
   * hence on restarts, and what a piece becomes must not.
   *
   * INVARIANT: each piece gets its samples in their order. Columns have no piece in common, since
   * the editions of a shape differ. Into a piece of an output several series are folded: behind the
   * first that is missing in a column, others are only found, and folded when all are. Into a piece
   * of an input series only its own samples are, and those of a stretch ascend. One that is missing
   * before one that is found is older than the piece that both look at: of another piece, unless
   * dividing rounds, and then again the others of the column are only found.
   */
  fold(stretch: Stretch, targets: readonly Target[]): void {
    let column = 0;
    let missing = 0;
    for (let targetNumber = 0; targetNumber < targets.length; targetNumber += 1) {
      const target = targets[targetNumber]!;
      const widths = target.plan.widthsUs.length;
      this.#reserve((column + widths) * STRETCH_MAX);
      for (let widthNumber = 0; widthNumber < widths; widthNumber += 1, column += 1) {
        const begin = column * STRETCH_MAX;
        const width = { target, targetNumber, widthNumber, column, begin };
        const isOwn = target.output === undefined;
        missing += isOwn ? this.#foldOwn(stretch, width) : this.#foldOutputs(stretch, width);
      }
    }
    if (missing === 0) return;
    this.#foldMissing(stretch);
    this.#foldFound(stretch, targets);
  }

  /** Those whose first window the watermark had passed, of any of these targets. */
  countLate(
    { record: { times }, from, to }: Stretch,
    targets: readonly Target[],
    watermarkUs: number,
  ): number {
    let late = 0;
    for (let i = from; i < to;) {
      const first = i;
      const timeUs = times[i]!;
      // Mostly all have one time.
      do i += 1;
      while (i < to && times[i] === timeUs);
      if (timeUs < watermarkUs && isLate(timeUs, targets, watermarkUs)) late += i - first;
    }
    return late;
  }

  /**
   * Into one width of a target whose output series are the input series; returns how many pieces
   * are missing. As `WindowFold` tells whether it is the piece of the sample before.
   */
  #foldOwn(
    { record, from, to, at: { partitionTimeUs, offset } }: Stretch,
    { target: { plan, lane }, widthNumber, column, begin }: TargetWidth,
  ): number {
    const { times, values } = record;
    const { placements, windows } = this.#tables;
    const { pieces } = windows;
    const numbers = pieces.numbers.data;
    const bits = pieces.bits.data;
    const hints = placements.timed.hints(lane);
    const { slots, increases } = this;
    const found = this.#pieces;
    const { untilUs } = plan;
    const wants = wantsOf(plan);
    const stride = 2 * plan.widthsUs.length;
    const widthUs = plan.widthsUs[widthNumber]! - ROUNDED_US;
    const length = to - from;
    let missing = 0;
    let foldable = length;
    let areChanged: number = PieceBit.changed;
    for (let j = 0; j < length; j += 1) {
      const h = stride * slots[j]! + 2 * widthNumber;
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
      found[begin + j] = isSame ? piece : MISSING;
      if (!isSame) {
        missing += 1;
        if (sinceUs < 0 && sinceUs >= -ROUNDED_US && j < foldable) foldable = j;
        continue;
      }
      // As `touchAll` does: later the piece would have to be fetched once more.
      numbers[n + TOUCHED_US] = partitionTimeUs;
      numbers[n + TOUCHED_OFFSET] = offset;
      pieces.markDirty(piece);
      areChanged &= bits[piece]!;
      if (j < foldable) foldValue(numbers, n, wants, timeUs, values[from + j]!, increases[j]!);
    }
    if (areChanged === 0) windows.changeAll(found, begin, begin + length);
    this.#foldedAtOnce[column] = foldable;
    return missing;
  }

  /** The same of a target into which others are folded as well. */
  #foldOutputs(
    { record, from, to, at }: Stretch,
    { target: { plan }, targetNumber, widthNumber, column, begin }: TargetWidth,
  ): number {
    const { times, values } = record;
    const { windows } = this.#tables;
    const numbers = windows.pieces.numbers.data;
    const { placements, increases } = this;
    const found = this.#pieces;
    const { untilUs } = plan;
    const wants = wantsOf(plan);
    const widthUs = plan.widthsUs[widthNumber]! - ROUNDED_US;
    const h = 2 * widthNumber;
    const length = to - from;
    let missing = 0;
    let foldable = length;
    for (let j = 0; j < length; j += 1) {
      const { hints } = placements[j]!.all[targetNumber]!.output!;
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
      found[begin + j] = isSame ? piece : MISSING;
      if (!isSame) {
        missing += 1;
        if (j < foldable) foldable = j;
      } else if (j < foldable) {
        foldValue(numbers, n, wants, timeUs, values[from + j]!, increases[j]!);
      }
    }
    windows.touchAll(found, begin, begin + length, at);
    this.#foldedAtOnce[column] = foldable;
    return missing;
  }

  /**
   * Finds or opens what is missing sample by sample, as they would be one by one: in that order
   * pieces are put out. Folds those that nothing of their column waits for.
   */
  #foldMissing({ record: { times, values }, from, to, at }: Stretch): void {
    const { placements, windows } = this.#tables;
    const found = this.#pieces;
    at.caches = placements.timed;
    for (let i = from; i < to; i += 1) {
      const j = i - from;
      at.key = 4 * i;
      at.row = this.slots[j]!;
      let column = 0;
      for (const target of this.placements[j]!.all) {
        const { plan } = target;
        for (let w = 0; w < plan.widthsUs.length; w += 1, column += 1) {
          const place = column * STRETCH_MAX + j;
          if (found[place] !== MISSING) continue;
          const piece = windows.pieceAt(target, w, times[i]!, at);
          found[place] = piece;
          if (piece < 0 || j >= this.#foldedAtOnce[column]!) continue;
          const { data } = windows.pieces.numbers;
          const [value, increase] = [values[i]!, this.increases[j]!];
          foldValue(data, piece << PIECE_SHIFT, wantsOf(plan), times[i]!, value, increase);
        }
      }
    }
  }

  /** Folds those of each column that were only found, in their order. */
  #foldFound({ record: { times, values }, from, to }: Stretch, targets: readonly Target[]): void {
    const numbers = this.#tables.windows.pieces.numbers.data;
    const found = this.#pieces;
    const { increases } = this;
    const length = to - from;
    let column = 0;
    for (const { plan } of targets) {
      const wants = wantsOf(plan);
      for (let w = 0; w < plan.widthsUs.length; w += 1, column += 1) {
        for (let j = this.#foldedAtOnce[column]!; j < length; j += 1) {
          const piece = found[column * STRETCH_MAX + j]!;
          if (piece < 0) continue;
          const [timeUs, value] = [times[from + j]!, values[from + j]!];
          foldValue(numbers, piece << PIECE_SHIFT, wants, timeUs, value, increases[j]!);
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

/** Whether the watermark had passed the first window of a time, of any of these targets. */
export function isLate(timeUs: number, targets: readonly Target[], watermarkUs: number): boolean {
  return targets.some(({ plan }) => {
    const widthUs = plan.widthsUs[0]!;
    return (Math.floor(timeUs / widthUs) + 1) * widthUs <= watermarkUs;
  });
}

/** Of an edition, as the bits that `foldValue` takes. */
export function wantsOf({ wantsSum, wantsMin, wantsMax, wantsIncrease }: EditionPlan): number {
  return (
    (wantsSum ? WANTS_SUM : 0) |
    (wantsMin ? WANTS_MIN : 0) |
    (wantsMax ? WANTS_MAX : 0) |
    (wantsIncrease ? WANTS_INCREASE : 0)
  );
}

/** Folds a value into the piece whose numbers begin at `n`, to the same as `WindowFold` does. */
export function foldValue(
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
