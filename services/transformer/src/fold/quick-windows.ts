import type { DataRecord } from '@millrace/wire';
import { PIECE_FIELDS, PieceField } from '../memory/piece-memory.ts';
import type { EditionPlan } from './edition-plan.ts';
import type { FoldTables } from './partition-state.ts';
import type { SeriesPlacement, Target } from './series-placement.ts';
import { maxOf, minOf, ROUNDED_US, type FoldMoment } from './window-fold.ts';

/** Samples that are looked at together: what was found of them is lost at an unusual one. */
export const STRETCH_MAX = 64;

/** Samples [from, to) of a record. */
export interface Stretch {
  record: DataRecord;
  from: number;
  to: number;
  at: FoldMoment;
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

  /** Finds the open pieces of all targets; the stretch ends before a sample that lacks one. */
  find(stretch: Stretch, targets: readonly Target[]): void {
    let column = 0;
    for (let t = 0; t < targets.length; t += 1) {
      const widths = targets[t]!.plan.widthsUs.length;
      this.#reserve(column + widths);
      for (let w = 0; w < widths; w += 1, column += 1) {
        stretch.to = this.#findPieces(stretch, targets[t]!, { t, w, column });
      }
    }
  }

  /** Folds values into the pieces that were found. */
  fold(stretch: Stretch, targets: readonly Target[]): void {
    let column = 0;
    for (const { plan } of targets) {
      for (let w = 0; w < plan.widthsUs.length; w += 1, column += 1) {
        this.#foldWidth(stretch, plan, column);
      }
    }
  }

  /** Those whose first window the watermark had passed, of any of the first targets that were found. */
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
        const n = this.#pieces[column * STRETCH_MAX + i - from]! * PIECE_FIELDS;
        column += plan.widthsUs.length;
        if (numbers[n + PieceField.startUs]! + plan.widthsUs[0]! > watermarkUs) continue;
        late += 1;
        break;
      }
    }
    return late;
  }

  /** Those of one width of one target; returns where they end. */
  #findPieces(
    { record: { times }, from, to }: Stretch,
    { plan: { widthsUs, untilUs, fromUs }, output, lane }: Target,
    { t, w, column }: Readonly<{ t: number; w: number; column: number }>,
  ): number {
    const { placements, windows } = this.#tables;
    const numbers = windows.pieces.numbers.data;
    const own = output === undefined ? placements.timed.hints(lane) : undefined;
    const placed = this.placements;
    const slots = this.slots;
    const found = this.#pieces;
    const widths = widthsUs.length;
    const widthUs = widthsUs[w]! - ROUNDED_US;
    const leastUs = fromUs?.[w] ?? -Infinity;
    for (let i = from; i < to; i += 1) {
      const hints = own ?? placed[i - from]!.all[t]!.output!.hints;
      const h = own === undefined ? 2 * w : 2 * (slots[i - from]! * widths + w);
      const piece = hints[h]! | 0;
      const n = piece * PIECE_FIELDS;
      const startUs = numbers[n + PieceField.startUs]!;
      const sinceUs = times[i]! - startUs;
      const isUsual =
        // As `WindowFold` tells that it is the piece of the sample before.
        numbers[n + PieceField.turn] === hints[h + 1] &&
        sinceUs >= 0 &&
        sinceUs < widthUs &&
        startUs < untilUs &&
        startUs >= leastUs;
      if (!isUsual) return i;
      found[column * STRETCH_MAX + i - from] = piece;
    }
    return to;
  }

  #foldWidth({ record, from, to, at }: Stretch, plan: EditionPlan, column: number): void {
    const { windows } = this.#tables;
    const { pieces } = windows;
    const { wantsSum, wantsMin, wantsMax, wantsIncrease } = plan;
    const { times, values } = record;
    const numbers = pieces.numbers.data;
    const increases = this.increases;
    const found = this.#pieces;
    for (let i = from; i < to; i += 1) {
      const piece = found[column * STRETCH_MAX + i - from]!;
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
      windows.touch(piece, at);
    }
  }

  #reserve(columns: number): void {
    if (this.#pieces.length >= columns * STRETCH_MAX) return;
    const grown = new Int32Array(columns * STRETCH_MAX);
    grown.set(this.#pieces);
    this.#pieces = grown;
  }
}
