import {
  ExponentialHistogram,
  HyperLogLog,
  PieceInputs,
  pieceName,
  type Piece,
} from '@millrace/model';
import type { FoldSettings } from '@millrace/wire';
import { DueList, secondAfter } from '../memory/due-list.ts';
import { PieceBit, PieceMemory } from '../memory/piece-memory.ts';
import type { EditionPlan } from './edition-plan.ts';
import type { Target } from './series-placement.ts';

/** Where and when something is folded. */
export interface FoldMoment {
  offset: number;
  logNumber: number;
  partitionTimeUs: number;
}

/** Folds samples into the open pieces of their windows, and knows which pieces are due. */
export class WindowFold {
  readonly pieces: PieceMemory = new PieceMemory();
  readonly #settings: FoldSettings;
  readonly #plans: ReadonlyMap<number, EditionPlan>;
  readonly #due = new DueList();
  /** Changed pieces by what publishes them; may hold slots that are none of that any more. */
  #changedAway: number[] = [];
  #changedRollups: number[] = [];

  constructor(settings: FoldSettings, plans: ReadonlyMap<number, EditionPlan>) {
    this.#settings = settings;
    this.#plans = plans;
  }

  /** Folds one value, and what it adds to the increase, into every width of a target. */
  fold(
    target: Target,
    timeUs: number,
    value: number,
    increase: number,
    input: Uint8Array,
    at: FoldMoment,
  ): void {
    const { plan } = target;
    const { pieces } = this;
    for (let w = 0; w < plan.widthsUs.length; w += 1) {
      const slot = this.#pieceAt(target, w, timeUs, at);
      pieces.count.data[slot]! += 1;
      if (plan.wantsSum) pieces.sum.data[slot]! += value;
      if (plan.wantsMin) pieces.min.data[slot] = minOf(pieces.min.data[slot]!, value);
      if (plan.wantsMax) pieces.max.data[slot] = maxOf(pieces.max.data[slot]!, value);
      if (plan.wantsIncrease) pieces.increase.data[slot]! += increase;
      // Equal times: the first in log order stays first, the last one becomes last.
      if (timeUs < pieces.firstTimeUs.data[slot]!) {
        pieces.firstTimeUs.data[slot] = timeUs;
        pieces.first.data[slot] = value;
      }
      if (timeUs >= pieces.lastTimeUs.data[slot]!) {
        pieces.lastTimeUs.data[slot] = timeUs;
        pieces.last.data[slot] = value;
      }
      if (plan.wantsHistogram) this.#histogram(slot).add(value);
      if (plan.wantsDistinct) this.#countDistinct(slot, target, value);
      if (plan.wantsInputs) this.#noteInput(slot, input, timeUs, value);
    }
  }

  /** Counts a sample that has no single value: a native histogram. */
  count(target: Target, timeUs: number, at: FoldMoment): void {
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      this.pieces.count.data[this.#pieceAt(target, w, timeUs, at)]! += 1;
    }
  }

  /** Adds to the increase of the window of `timeUs`. */
  increase(target: Target, timeUs: number, amount: number, at: FoldMoment): void {
    if (!target.plan.wantsIncrease) return;
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      this.pieces.increase.data[this.#pieceAt(target, w, timeUs, at)]! += amount;
    }
  }

  /** Marks the windows of `timeUs`: something that belongs there was not folded exactly. */
  mark(target: Target, timeUs: number, at: FoldMoment): void {
    for (let w = 0; w < target.plan.widthsUs.length; w += 1) {
      this.pieces.bits.data[this.#pieceAt(target, w, timeUs, at)]! |= PieceBit.marked;
    }
  }

  /** Changed pieces of rules that aggregate series away, in turn; they then count as put out. */
  takeChangedAway(): number[] {
    const slots = this.#changedAway;
    this.#changedAway = [];
    return this.#settle(slots, (plan) => plan.aggregatesAway);
  }

  /** Changed pieces of wide roll-ups, in turn; they then count as put out. */
  takeChangedRollups(): number[] {
    const slots = this.#changedRollups;
    this.#changedRollups = [];
    return this.#settle(slots, (plan, widthUs) => this.#isWideRollup(plan, widthUs));
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

  /** Pieces above the bound: the least recently touched, none that `offset` touched. */
  takeOverflow(offset: number): number[] {
    const over = this.pieces.size - this.#settings.piecesMax;
    if (over <= 0) return [];
    const { data: touchedUs } = this.pieces.touchedUs;
    const { data: touchedOffset } = this.pieces.touchedOffset;
    const { data: turn } = this.pieces.turn;
    const slots = this.pieces.used().filter((slot) => touchedOffset[slot] !== offset);
    // Time before offset: after a new log was accepted, offsets began anew and time went on.
    slots.sort(
      (a, b) =>
        touchedUs[a]! - touchedUs[b]! ||
        touchedOffset[a]! - touchedOffset[b]! ||
        turn[a]! - turn[b]!,
    );
    // Some more than needed, so that not every record has to sort again.
    const some = over + Math.floor(this.#settings.piecesMax / 8);
    return this.pieces.inTurn(slots.slice(0, some));
  }

  /** Forgets a piece that was put out as final. */
  remove(slot: number): void {
    this.#due.remove(slot);
    this.pieces.remove(slot);
  }

  /** The piece as an entry, with the columns its edition asks for. */
  entry(slot: number): Piece {
    const { pieces } = this;
    const plan = this.#plans.get(pieces.edition.data[slot]!)!;
    // Without a time no value was folded: only increases, marks or histograms.
    const folded = Number.isFinite(pieces.lastTimeUs.data[slot]);
    const when = <T>(wanted: boolean, value: T): T | undefined => (wanted ? value : undefined);
    const first = plan.wantsFirst && folded;
    const last = plan.wantsLast && folded;
    return {
      edition: plan.edition,
      fingerprint: pieces.fingerprint.data.slice(16 * slot, 16 * slot + 16),
      widthUs: pieces.widthUs.data[slot]!,
      startUs: pieces.startUs.data[slot]!,
      piece: pieces.name.data[slot]!,
      count: pieces.count.data[slot]!,
      marked: (pieces.bits.data[slot]! & PieceBit.marked) !== 0,
      sum: when(plan.wantsSum, pieces.sum.data[slot]!),
      min: when(plan.wantsMin && folded, pieces.min.data[slot]!),
      max: when(plan.wantsMax && folded, pieces.max.data[slot]!),
      first: when(first, pieces.first.data[slot]!),
      firstTimeUs: when(first, pieces.firstTimeUs.data[slot]!),
      last: when(last, pieces.last.data[slot]!),
      lastTimeUs: when(last, pieces.lastTimeUs.data[slot]!),
      increase: when(plan.wantsIncrease, pieces.increase.data[slot]!),
      histogram: pieces.histograms.get(slot)?.encode(),
      distinct: pieces.distincts.get(slot)?.encode(),
      inputs: pieces.inputs.get(slot)?.encode(),
    };
  }

  /** Builds the lists again after the pieces were loaded. */
  restore(): void {
    for (const slot of this.pieces.used()) {
      this.#due.add(slot, this.#dueSecond(slot));
      if ((this.pieces.bits.data[slot]! & PieceBit.changed) !== 0) this.#noteChanged(slot);
    }
  }

  #pieceAt(target: Target, w: number, timeUs: number, at: FoldMoment): number {
    const { pieces } = this;
    const { hints } = target;
    const widthUs = target.plan.widthsUs[w]!;
    const startUs = Math.floor(timeUs / widthUs) * widthUs;
    let slot = hints[2 * w]! | 0;
    // A turn is never given twice: where it still is, there is the piece that was found before.
    if (pieces.turn.data[slot] !== hints[2 * w + 1] || pieces.startUs.data[slot] !== startUs) {
      slot = this.#findOrOpen(target, widthUs, startUs, at);
      hints[2 * w] = slot;
      hints[2 * w + 1] = pieces.turn.data[slot]!;
    }
    if (pieces.touch(slot, at.partitionTimeUs, at.offset)) this.#noteChanged(slot);
    return slot;
  }

  #findOrOpen(target: Target, widthUs: number, startUs: number, at: FoldMoment): number {
    const { pieces } = this;
    const window = { edition: target.plan.edition, widthUs, startUs };
    const known = pieces.find(target.keys, window);
    if (known >= 0) return known;
    const name = pieceName(at.logNumber, at.offset);
    const slot = pieces.open(target.keys, target.fingerprint, window, name);
    pieces.touchedUs.data[slot] = at.partitionTimeUs;
    this.#due.add(slot, this.#dueSecond(slot));
    return slot;
  }

  #dueSecond(slot: number): number {
    const plan = this.#plans.get(this.pieces.edition.data[slot]!)!;
    const endUs = this.pieces.startUs.data[slot]! + this.pieces.widthUs.data[slot]!;
    const retainUs = plan.aggregatesAway ? this.#settings.retainUs : 0;
    return Math.max(
      secondAfter(endUs + this.#settings.latenessUs),
      secondAfter(this.pieces.touchedUs.data[slot]! + retainUs),
    );
  }

  #isWideRollup(plan: EditionPlan, widthUs: number): boolean {
    return !plan.aggregatesAway && widthUs > this.#settings.rollupPublishUs;
  }

  #noteChanged(slot: number): void {
    const plan = this.#plans.get(this.pieces.edition.data[slot]!)!;
    if (plan.aggregatesAway) this.#changedAway.push(slot);
    else if (this.#isWideRollup(plan, this.pieces.widthUs.data[slot]!)) {
      this.#changedRollups.push(slot);
    }
  }

  #settle(slots: number[], isMine: (plan: EditionPlan, widthUs: number) => boolean): number[] {
    const { pieces } = this;
    const mine = slots.filter(
      (slot) =>
        pieces.isUsed(slot) &&
        (pieces.bits.data[slot]! & PieceBit.changed) !== 0 &&
        isMine(this.#plans.get(pieces.edition.data[slot]!)!, pieces.widthUs.data[slot]!),
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

  #noteInput(slot: number, input: Uint8Array, timeUs: number, value: number): void {
    let inputs = this.pieces.inputs.get(slot);
    if (inputs === undefined) {
      inputs = PieceInputs.empty();
      this.pieces.inputs.set(slot, inputs);
    }
    const isFull = inputs.size >= this.#settings.pieceInputsMax;
    if (isFull && !inputs.has(input, 0)) this.pieces.bits.data[slot]! |= PieceBit.marked;
    else inputs.set(input, 0, timeUs, value);
  }
}

/** NaN counts only while there is nothing else; of equal ones (0, -0) the first stays. */
function minOf(a: number, b: number): number {
  return a !== a || b < a ? b : a;
}

function maxOf(a: number, b: number): number {
  return a !== a || b > a ? b : a;
}
