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

/** The piece of a sample that has to be looked for. Below 0 as well: its edition takes nothing. */
const MISSING = -2;

// To the engine these are numbers; what is imported it would look up for every sample.
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

  /** Finds or opens the pieces of all targets. */
  find(stretch: Stretch, targets: readonly Target[]): void {
    let column = 0;
    let missing = 0;
    for (let t = 0; t < targets.length; t += 1) {
      const { plan, output } = targets[t]!;
      const widths = plan.widthsUs.length;
      this.#reserve(column + widths);
      for (let w = 0; w < widths; w += 1, column += 1) {
        missing +=
          output === undefined
            ? this.#findOwn(stretch, targets[t]!, w, column)
            : this.#findOutputs(stretch, plan, { t, w, column });
      }
    }
    if (missing > 0) this.#findMissing(stretch);
  }

  /** Folds values into the pieces that were found. */
  fold(stretch: Stretch, targets: readonly Target[]): void {
    let column = 0;
    for (const { plan } of targets) {
      for (let w = 0; w < plan.widthsUs.length; w += 1, column += 1) {
        this.#foldWidth(stretch, plan, column);
        const found = this.#pieces;
        const first = column * STRETCH_MAX;
        const end = first + stretch.to - stretch.from;
        this.#tables.windows.touchAll(found, first, end, stretch.at);
      }
    }
  }

  /** Those whose first window the watermark had passed, of any of the targets in force. */
  countLate(
    { record: { times }, from, to }: Stretch,
    targets: readonly Target[],
    watermarkUs: number,
  ): number {
    let late = 0;
    const numbers = this.#tables.windows.pieces.numbers.data;
    for (let i = from; i < to; i += 1) {
      if (times[i]! >= watermarkUs) continue;
      let column = 0;
      for (const { plan } of targets) {
        // Those in force take every window.
        const n = this.#pieces[column * STRETCH_MAX + i - from]! * PIECE_FIELDS;
        column += plan.widthsUs.length;
        if (numbers[n + START_US]! + plan.widthsUs[0]! > watermarkUs) continue;
        late += 1;
        break;
      }
    }
    return late;
  }

  /**
   * Those of one width of a target whose output series are the input series; returns how many are
   * missing. As `WindowFold` tells whether it is the piece of the sample before.
   */
  #findOwn(stretch: Stretch, { plan, lane }: Target, w: number, column: number): number {
    const { record, from, to } = stretch;
    const { times } = record;
    const { placements, windows } = this.#tables;
    const numbers = windows.pieces.numbers.data;
    const hints = placements.timed.hints(lane);
    const slots = this.slots;
    const found = this.#pieces;
    const { untilUs } = plan;
    const stride = 2 * plan.widthsUs.length;
    const widthUs = plan.widthsUs[w]! - ROUNDED_US;
    const first = column * STRETCH_MAX;
    const length = to - from;
    let missing = 0;
    for (let j = 0; j < length; j += 1) {
      const h = stride * slots[j]! + 2 * w;
      const piece = hints[h]! | 0;
      const n = piece * PIECE_FIELDS;
      const startUs = numbers[n + START_US]!;
      const sinceUs = times[from + j]! - startUs;
      const isSame =
        numbers[n + TURN] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        startUs < untilUs;
      if (!isSame) missing += 1;
      found[first + j] = isSame ? piece : MISSING;
    }
    return missing;
  }

  /** The same of a target into which others are folded as well. */
  #findOutputs(
    { record: { times }, from, to }: Stretch,
    { widthsUs, untilUs }: EditionPlan,
    { t, w, column }: Readonly<{ t: number; w: number; column: number }>,
  ): number {
    const numbers = this.#tables.windows.pieces.numbers.data;
    const placed = this.placements;
    const found = this.#pieces;
    const widthUs = widthsUs[w]! - ROUNDED_US;
    const h = 2 * w;
    const first = column * STRETCH_MAX;
    const length = to - from;
    let missing = 0;
    for (let j = 0; j < length; j += 1) {
      const { hints } = placed[j]!.all[t]!.output!;
      const piece = hints[h]! | 0;
      const n = piece * PIECE_FIELDS;
      const startUs = numbers[n + START_US]!;
      const sinceUs = times[from + j]! - startUs;
      const isSame =
        numbers[n + TURN] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        startUs < untilUs;
      if (!isSame) missing += 1;
      found[first + j] = isSame ? piece : MISSING;
    }
    return missing;
  }

  /** Sample by sample, as they would be opened one by one: pieces are put out in that order. */
  #findMissing({ record: { times }, from, to, at }: Stretch): void {
    const { placements, windows } = this.#tables;
    const found = this.#pieces;
    at.caches = placements.timed;
    for (let i = from; i < to; i += 1) {
      const j = i - from;
      const { all } = this.placements[j]!;
      at.key = 4 * i;
      at.row = this.slots[j]!;
      let column = 0;
      for (const target of all) {
        const widths = target.plan.widthsUs.length;
        for (let w = 0; w < widths; w += 1, column += 1) {
          const place = column * STRETCH_MAX + j;
          if (found[place] === MISSING) found[place] = windows.pieceOf(target, w, times[i]!, at);
        }
      }
    }
  }

  #foldWidth({ record, from, to }: Stretch, plan: EditionPlan, column: number): void {
    const { wantsSum, wantsMin, wantsMax, wantsIncrease } = plan;
    const { times, values } = record;
    const numbers = this.#tables.windows.pieces.numbers.data;
    const increases = this.increases;
    const found = this.#pieces;
    const first = column * STRETCH_MAX;
    const length = to - from;
    for (let j = 0; j < length; j += 1) {
      const piece = found[first + j]!;
      if (piece < 0) continue;
      const n = piece * PIECE_FIELDS;
      const timeUs = times[from + j]!;
      const value = values[from + j]!;
      numbers[n + COUNT]! += 1;
      if (wantsSum) numbers[n + SUM]! += value;
      if (wantsMin) numbers[n + MIN] = minOf(numbers[n + MIN]!, value);
      if (wantsMax) numbers[n + MAX] = maxOf(numbers[n + MAX]!, value);
      if (wantsIncrease) numbers[n + INCREASE]! += increases[j]!;
      if (timeUs < numbers[n + FIRST_TIME_US]!) {
        numbers[n + FIRST_TIME_US] = timeUs;
        numbers[n + FIRST] = value;
      }
      if (timeUs >= numbers[n + LAST_TIME_US]!) {
        numbers[n + LAST_TIME_US] = timeUs;
        numbers[n + LAST] = value;
      }
    }
  }

  #reserve(columns: number): void {
    if (this.#pieces.length >= columns * STRETCH_MAX) return;
    const grown = new Int32Array(columns * STRETCH_MAX);
    grown.set(this.#pieces);
    this.#pieces = grown;
  }
}
