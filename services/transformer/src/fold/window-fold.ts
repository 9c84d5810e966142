import {
  ExponentialHistogram,
  HyperLogLog,
  PieceInputs,
  pieceName,
  type Piece,
} from '@millrace/model';
import { LATE_RETAIN_US, waitsForLate, type FoldSettings } from '@millrace/wire';
import { DueList, secondAfter, secondOf } from '../memory/due-list.ts';
import { PIECE_FIELDS, PieceField, PieceMemory } from '../memory/piece-memory.ts';
import type { EditionPlan } from './edition-plan.ts';
import { pieceEntry } from './piece-entry.ts';
import type { SeriesCaches } from './series-caches.ts';
import type { Target } from './series-placement.ts';

/** Where and when something is folded, and of which series. */
export interface FoldMoment {
  offset: number;
  logNumber: number;
  partitionTimeUs: number;
  /** The input series' fingerprint begins at lane `key`; the same memory as bytes. */
  keys: Uint32Array;
  keyBytes: Uint8Array;
  key: number;
  /** What was found of it the last time stands there. */
  caches: SeriesCaches;
  row: number;
}

/** Folds samples into the open pieces of their windows, and knows which pieces are due. */
export class WindowFold {
  readonly pieces: PieceMemory = new PieceMemory();
  readonly #settings: FoldSettings;
  readonly #plans: ReadonlyMap<number, EditionPlan>;
  readonly #due = new DueList();
  /** Whether late pieces of roll-ups wait for the samples that follow. */
  #waitsForLate: boolean;
  /** Changed pieces by what publishes them; may hold slots that are none of that any more. */
  #changedAway: number[] = [];
  #changedRollups: number[] = [];

  constructor(
    settings: FoldSettings,
    plans: ReadonlyMap<number, EditionPlan>,
    foldVersion: number,
  ) {
    this.#settings = settings;
    this.#plans = plans;
    this.#waitsForLate = waitsForLate(foldVersion);
  }

  /** Folds one value, and what it adds to the increase, into every width of a target. */
  fold(target: Target, timeUs: number, value: number, increase: number, at: FoldMoment): void {
    const { plan } = target;
    const widths = plan.widthsUs.length;
    for (let w = 0; w < widths; w += 1) {
      const slot = this.pieceAt(target, w, timeUs, at);
      if (slot < 0) continue;
      const numbers = this.pieces.numbers.data;
      const n = slot * PIECE_FIELDS;
      numbers[n + PieceField.count]! += 1;
      if (plan.wantsSum) numbers[n + PieceField.sum]! += value;
      if (plan.wantsMin) numbers[n + PieceField.min] = minOf(numbers[n + PieceField.min]!, value);
      if (plan.wantsMax) numbers[n + PieceField.max] = maxOf(numbers[n + PieceField.max]!, value);
      if (plan.wantsIncrease) numbers[n + PieceField.increase]! += increase;
      // Equal times: the first in log order stays first, the last one becomes last.
      if (timeUs < numbers[n + PieceField.firstTimeUs]!) {
        numbers[n + PieceField.firstTimeUs] = timeUs;
        numbers[n + PieceField.first] = value;
      }
      if (timeUs >= numbers[n + PieceField.lastTimeUs]!) {
        numbers[n + PieceField.lastTimeUs] = timeUs;
        numbers[n + PieceField.last] = value;
      }
      if (plan.wantsHistogram) this.#histogram(slot).add(value);
      if (plan.wantsDistinct) this.#countDistinct(slot, target, value);
      if (plan.wantsInputs) this.#noteInput(slot, at, timeUs, value);
    }
  }

  /** An open piece changes. */
  touch(slot: number, { partitionTimeUs, offset }: FoldMoment): void {
    if (this.pieces.touch(slot, partitionTimeUs, offset)) this.#noteChanged(slot);
  }

  /** The same of many, whose slots stand at [from, to); those below 0 are none. */
  touchAll(
    slots: Int32Array,
    from: number,
    to: number,
    at: Pick<FoldMoment, 'partitionTimeUs' | 'offset'>,
  ): void {
    const { pieces } = this;
    const needsChange = pieces.touchAll(slots, from, to, at);
    if (needsChange) this.changeAll(slots, from, to);
  }

  /** Of those that were touched, some for the first time since they were put out. */
  changeAll(slots: Int32Array, from: number, to: number): void {
    const { pieces } = this;
    for (let i = from; i < to; i += 1) if (pieces.change(slots[i]!)) this.#noteChanged(slots[i]!);
  }

  /** Counts a sample that has no single value: a native histogram. */
  count(target: Target, timeUs: number, at: FoldMoment): void {
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      this.#add(this.pieceAt(target, w, timeUs, at), PieceField.count, 1);
    }
  }

  /** Adds to the increase of the window of `timeUs`. */
  increase(target: Target, timeUs: number, amount: number, at: FoldMoment): void {
    if (!target.plan.wantsIncrease) return;
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      this.#add(this.pieceAt(target, w, timeUs, at), PieceField.increase, amount);
    }
  }

  /** Marks the windows of `timeUs`: something that belongs there was not folded exactly. */
  mark(target: Target, timeUs: number, at: FoldMoment): void {
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      const slot = this.pieceAt(target, w, timeUs, at);
      if (slot >= 0) this.pieces.mark(slot);
    }
  }

  /** The same where the windows have increases. */
  markIncrease(target: Target, timeUs: number, at: FoldMoment): void {
    if (target.plan.wantsIncrease) this.mark(target, timeUs, at);
  }

  /** Changed pieces of rules that aggregate series away, in turn; they then count as put out. */
  takeChangedAway(): number[] {
    const slots = this.#changedAway;
    this.#changedAway = [];
    return this.#settle(slots, (slot) => this.#planOf(slot).aggregatesAway);
  }

  /** Changed pieces of wide roll-ups, in turn; they then count as put out. */
  takeChangedRollups(): number[] {
    const slots = this.#changedRollups;
    this.#changedRollups = [];
    return this.#settle(slots, (slot) => this.#isWideRollup(slot));
  }

  /** Whether some may be final by a second of partition time. */
  isDue(second: number): boolean {
    return this.#due.isDue(second);
  }

  /** Pieces that became final by a second of partition time, in turn. */
  takeFinal(second: number): number[] {
    const slots = this.#due.take(second);
    if (slots.length === 0) return slots;
    const final: number[] = [];
    for (const slot of slots) {
      const due = this.#dueSecond(slot);
      if (due > second) this.#due.add(slot, due);
      else final.push(slot);
    }
    return this.pieces.inTurn(final);
  }

  /**
   * Other settings, or another fold version, are in force from this second of partition time on:
   * the lists are built again. Pieces that the watermark has passed are returned, in turn. It may
   * have moved, and then late pieces cannot be told from those that were there in time.
   */
  change(foldVersion: number, second: number): number[] {
    this.#waitsForLate = waitsForLate(foldVersion);
    this.restore();
    if (!this.#waitsForLate) return this.takeFinal(second);
    const { pieces } = this;
    return pieces.inTurn(pieces.used().filter((slot) => this.#isPassed(slot, second)));
  }

  /**
   * Pieces above the bound: the least recently touched, none that `offset` touched. That may be one
   * of a window that is not over, while late pieces wait that were touched since. Nothing is wrong
   * by it: later samples open another piece, whose life begins where this one ended, and readers
   * merge them in that order. There are only more rows than with late ones put out first, which
   * would be another fold version.
   */
  takeOverflow(offset: number): number[] {
    const over = this.pieces.size - this.#settings.piecesMax;
    if (over <= 0) return [];
    const { pieces } = this;
    const { touchedUs, touchedOffset, turn } = PieceField;
    const compare = (a: number, b: number, field: number): number =>
      pieces.field(a, field) - pieces.field(b, field);
    const slots = pieces.used().filter((slot) => pieces.field(slot, touchedOffset) !== offset);
    // Time before offset: after a new log was accepted, offsets began anew and time went on.
    slots.sort(
      (a, b) => compare(a, b, touchedUs) || compare(a, b, touchedOffset) || compare(a, b, turn),
    );
    // Some more than needed, so that not every record has to sort again.
    const some = over + Math.floor(this.#settings.piecesMax / 8);
    return this.pieces.inTurn(slots.slice(0, some));
  }

  /** Open pieces of some editions, in turn. */
  ofEditions(editions: readonly number[]): number[] {
    const { pieces } = this;
    const slots = pieces.used();
    return pieces.inTurn(
      slots.filter((slot) => editions.includes(pieces.field(slot, PieceField.edition))),
    );
  }

  /** Forgets a piece that was put out as final. */
  remove(slot: number): void {
    this.#due.remove(slot);
    this.pieces.remove(slot);
  }

  /** The piece as an entry, with the columns its edition asks for. */
  entry(slot: number): Piece {
    return pieceEntry(this.pieces, slot, this.#planOf(slot));
  }

  /** Builds the lists again, after the pieces were loaded. */
  restore(): void {
    this.#due.clear();
    this.#changedAway = [];
    this.#changedRollups = [];
    for (const slot of this.pieces.used()) {
      this.#due.add(slot, this.#dueSecond(slot));
      if (this.pieces.isChanged(slot)) this.#noteChanged(slot);
    }
  }

  /** The slot of the piece to fold into, or -1 where the edition takes nothing any more. */
  pieceAt(target: Target, w: number, timeUs: number, at: FoldMoment): number {
    const { pieces } = this;
    const { plan } = target;
    const hints = hintsOf(target, at);
    const h = hintAt(target, w, at);
    const numbers = pieces.numbers.data;
    let slot = hints[h]! | 0;
    const n = slot * PIECE_FIELDS;
    const startUs = numbers[n + PieceField.startUs]!;
    // A turn is never given twice: where it still is, there is the piece that was found before.
    const isSame =
      numbers[n + PieceField.turn] === hints[h + 1] &&
      timeUs >= startUs &&
      // At its very end, dividing may round into the next one: then that is what counts.
      timeUs - startUs < plan.widthsUs[w]! - ROUNDED_US &&
      startUs < plan.untilUs;
    if (!isSame) {
      slot = this.#pieceOf(target, w, timeUs, at);
      if (slot < 0) return slot;
    }
    this.touch(slot, at);
    return slot;
  }

  /** The same where it is not the one of the sample before. */
  #pieceOf(target: Target, w: number, timeUs: number, at: FoldMoment): number {
    const { plan } = target;
    const widthUs = plan.widthsUs[w]!;
    const startUs = Math.floor(timeUs / widthUs) * widthUs;
    if (startUs >= plan.untilUs) return -1;
    if (plan.fromUs !== undefined && startUs < plan.fromUs[w]!) return -1;
    const slot = this.#findOrOpen(target, widthUs, startUs, at);
    const hints = hintsOf(target, at);
    const h = hintAt(target, w, at);
    hints[h] = slot;
    hints[h + 1] = this.pieces.field(slot, PieceField.turn);
    return slot;
  }

  #findOrOpen(target: Target, widthUs: number, startUs: number, at: FoldMoment): number {
    const { pieces } = this;
    const window = { edition: target.plan.edition, widthUs, startUs };
    const keys = target.output?.keys ?? at.keys;
    const key = target.output === undefined ? at.key : 0;
    const known = pieces.find(keys, key, window);
    if (known >= 0) return known;
    const name = pieceName(at.logNumber, at.offset);
    const slot = pieces.open(keys, key, window, name);
    // When it is due depends on when it was touched.
    pieces.touch(slot, at.partitionTimeUs, at.offset);
    this.#noteChanged(slot);
    this.#due.add(slot, this.#dueSecond(slot));
    return slot;
  }

  #add(slot: number, field: number, amount: number): void {
    if (slot < 0) return;
    this.pieces.numbers.data[slot * PIECE_FIELDS + field]! += amount;
  }

  #planOf(slot: number): EditionPlan {
    return this.#plans.get(this.pieces.field(slot, PieceField.edition))!;
  }

  /**
   * INVARIANT: a piece that was opened in time is put out as soon as the watermark passes its end,
   * whenever it was touched: its window is called complete then.
   */
  #dueSecond(slot: number): number {
    const end = this.#endSecond(slot);
    const touchedUs = this.pieces.field(slot, PieceField.touchedUs);
    if (this.#planOf(slot).aggregatesAway) {
      return Math.max(end, secondAfter(touchedUs + this.#settings.retainUs));
    }
    if (!this.#waitsForLate) return Math.max(end, secondAfter(touchedUs));
    // One that was there in time is gone by then.
    const isLate = secondOf(touchedUs) >= end;
    return isLate ? secondAfter(touchedUs + LATE_RETAIN_US) : end;
  }

  #isPassed(slot: number, second: number): boolean {
    const isAway = this.#planOf(slot).aggregatesAway;
    return (isAway ? this.#dueSecond(slot) : this.#endSecond(slot)) <= second;
  }

  /** The second of partition time at which the watermark has passed the end of its window. */
  #endSecond(slot: number): number {
    const { pieces } = this;
    const endUs = pieces.field(slot, PieceField.startUs) + pieces.field(slot, PieceField.widthUs);
    return secondAfter(endUs + this.#settings.latenessUs);
  }

  #isWideRollup(slot: number): boolean {
    const widthUs = this.pieces.field(slot, PieceField.widthUs);
    return !this.#planOf(slot).aggregatesAway && widthUs > this.#settings.rollupPublishUs;
  }

  #noteChanged(slot: number): void {
    if (this.#planOf(slot).aggregatesAway) this.#changedAway.push(slot);
    else if (this.#isWideRollup(slot)) this.#changedRollups.push(slot);
  }

  #settle(slots: number[], isMine: (slot: number) => boolean): number[] {
    const { pieces } = this;
    const mine = slots.filter(
      (slot) => pieces.isUsed(slot) && pieces.isChanged(slot) && isMine(slot),
    );
    const settled = pieces.inTurn(mine);
    for (const slot of settled) pieces.settle(slot);
    return settled;
  }

  #histogram(slot: number): ExponentialHistogram {
    let histogram = this.pieces.histograms.get(slot);
    if (histogram === undefined) {
      histogram = ExponentialHistogram.empty();
      this.pieces.histograms.set(slot, histogram);
    }
    return histogram;
  }

  #countDistinct(slot: number, target: Target, value: number): void {
    const byLabel = target.plan.rule.distinctLabel !== null;
    if (byLabel && target.distinctText === undefined) return;
    let distinct = this.pieces.distincts.get(slot);
    if (distinct === undefined) {
      distinct = HyperLogLog.empty();
      this.pieces.distincts.set(slot, distinct);
    }
    if (target.distinctText === undefined) distinct.addNumber(value);
    else distinct.addText(target.distinctText);
  }

  #noteInput(slot: number, { keyBytes, key }: FoldMoment, timeUs: number, value: number): void {
    let inputs = this.pieces.inputs.get(slot);
    if (inputs === undefined) {
      inputs = PieceInputs.empty();
      this.pieces.inputs.set(slot, inputs);
    }
    const isFull = inputs.size >= this.#settings.pieceInputsMax;
    if (isFull && !inputs.has(keyBytes, 4 * key)) this.pieces.mark(slot);
    else inputs.set(keyBytes, 4 * key, timeUs, value);
  }
}

/** At its very end, dividing a time may round into the next window. */
export const ROUNDED_US = 2;

/** For each width the slot and the turn of the newest piece. */
function hintsOf({ output, lane }: Target, { caches }: FoldMoment): number[] | Float64Array {
  return output === undefined ? caches.hints(lane) : output.hints;
}

function hintAt({ output, plan }: Target, w: number, { row }: FoldMoment): number {
  return output === undefined ? 2 * (row * plan.widthsUs.length + w) : 2 * w;
}

/** NaN counts only while there is nothing else; of equal ones (0, -0) the first stays. */
export function minOf(a: number, b: number): number {
  return a !== a || b < a ? b : a;
}

export function maxOf(a: number, b: number): number {
  return a !== a || b > a ? b : a;
}
