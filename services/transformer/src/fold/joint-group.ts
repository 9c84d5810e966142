import { SampleKind } from '@millrace/model';
import { PIECE_FIELDS, PieceField } from '../memory/piece-memory.ts';
import type { SeriesMemory } from '../memory/series-memory.ts';
import { GAP_STEPS } from './dedupe.ts';
import type { EditionPlan } from './edition-plan.ts';
import { isCounter } from './increase-fold.ts';
import type { FoldTables } from './partition-state.ts';
import type { RecordLayout } from './record-layouts.ts';
import { NO_SHAPE, type SeriesPlacement } from './series-placement.ts';
import { ROUNDED_US } from './window-fold.ts';

const TURN = PieceField.turn;
const START_US = PieceField.startUs;

/** One width of one target of the series at hand. */
export interface JointColumn {
  number: number;
  targetNumber: number;
  widthNumber: number;
  widthUs: number;
  /** Bits of `quick-windows.ts`. */
  wants: number;
  /** Its output series are the input series; then their hints lie so. */
  isOwn: boolean;
  lane: number;
  stride: number;
  plan: EditionPlan;
}

/** What has to be so of all series of a group, and what is noted of them. */
interface Finding {
  /** By slot: the turn in which it was found the last time. */
  found: Float64Array;
  turn: number;
  /** No record has a partition time at or above it. */
  untilUs: number;
  /** How the series of other groups are placed. */
  expected: SeriesPlacement | undefined;
}

/** Records of one layout that are to be folded together, and what their series have in common. */
export class JointGroup {
  readonly layout: RecordLayout;
  readonly kind: number;
  /** Whether its samples may add to increases: those of other kinds never do. */
  readonly canGrow: boolean;
  /** How many series there are. */
  readonly series: number;
  /** Numbers of its records among those at hand, ascending. */
  readonly rows: number[] = [];
  /** By column, of each series; valid as long as no other group is of its layout. */
  pieces: Int32Array;
  #newestUs = -Infinity;
  /** Of all windows the one that begins last, and where the first of them ends. */
  #fromUs = -Infinity;
  #toUs = Infinity;
  /** No interval of what is remembered, or passes below the floor, is shorter, or longer. */
  #shortestUs = Infinity;
  #longestUs = -Infinity;

  constructor(layout: RecordLayout, kind: number) {
    this.layout = layout;
    this.kind = kind;
    this.canGrow = isCounter(kind) || kind === SampleKind.delta;
    this.series = layout.slots.length;
    this.pieces = layout.room;
  }

  get lastRow(): number {
    return this.rows.at(-1)!;
  }

  /** Whether a record of this time can be folded behind the others as usual. */
  takes(kind: number, timeUs: number): boolean {
    if (kind !== this.kind || timeUs < this.#fromUs || timeUs >= this.#toUs) return false;
    if (this.rows.length === 0) return this.#hasNoGap;
    const stepUs = timeUs - this.#newestUs;
    if (!(stepUs > 0)) return false;
    this.#shortestUs = Math.min(this.#shortestUs, stepUs);
    this.#longestUs = Math.max(this.#longestUs, stepUs);
    return this.#hasNoGap;
  }

  add(row: number, timeUs: number): void {
    this.rows.push(row);
    this.#newestUs = timeUs;
  }

  /** Without the rows from `count` on; false: there are none left. */
  cut(count: number): boolean {
    const { rows } = this;
    while (rows.length > 0 && rows.at(-1)! >= count) rows.pop();
    return rows.length > 0;
  }

  /** Otherwise what passes below the floor may leave a gap behind. */
  get #hasNoGap(): boolean {
    return this.#longestUs <= GAP_STEPS * this.#shortestUs;
  }

  /** Finds the series, which have to be defined and placed alike: as what, or undefined. */
  find(
    { placements, definitions, series }: FoldTables,
    { found, turn, untilUs, expected }: Finding,
  ): SeriesPlacement | undefined {
    const { definedUntilUs, besideUntilUs, definedKinds, definedLives } = placements.timed;
    const { slots, keys } = this.layout;
    const { life } = definitions;
    let first = expected;
    for (let j = 0; j < slots.length; j += 1) {
      let slot = slots[j]!;
      const k = 4 * j;
      if (slot < 0 || !series.holds(slot, keys, k)) {
        slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
        if (slot < 0) return undefined;
        slots[j] = slot;
      }
      // It is in this layout twice, or in another one as well.
      if (found[slot] === turn) return undefined;
      found[slot] = turn;
      const placement = placements.find(slot);
      if (placement === undefined) return undefined;
      if (first === undefined) {
        if (placement.shape === NO_SHAPE) return undefined;
        first = placement;
      }
      const definedUs = placement.beside.length === 0 ? definedUntilUs : besideUntilUs;
      const isUsual =
        placement.shape === first.shape &&
        untilUs <= definedUs[slot]! &&
        definedKinds[slot] === this.kind &&
        definedLives[slot] === life;
      if (!isUsual) return undefined;
    }
    return first;
  }

  /** False: something that one of the series remembers is unusual, or not older than this time. */
  lookAtTimes(series: SeriesMemory, timeUs: number): boolean {
    const { width } = series;
    const counts = series.count.data;
    const valueless = series.valueless.data;
    const heads = series.head.data;
    const floors = series.floor.data;
    const shortest = series.shortest.data;
    const times = series.times.data;
    const { slots } = this.layout;
    let shortestUs = Infinity;
    let longestUs = -Infinity;
    for (let j = 0; j < slots.length; j += 1) {
      const slot = slots[j]!;
      if (counts[slot] !== width || valueless[slot] !== 0) return false;
      const first = slot * width;
      let place = heads[slot]!;
      let beforeUs = floors[slot]!;
      for (let i = 0; i < width; i += 1) {
        const atUs = times[first + place]!;
        if (atUs - beforeUs > longestUs) longestUs = atUs - beforeUs;
        beforeUs = atUs;
        place = place + 1 === width ? 0 : place + 1;
      }
      const stepUs = timeUs - beforeUs;
      if (!(stepUs > 0)) return false;
      if (stepUs > longestUs) longestUs = stepUs;
      if (stepUs < shortestUs) shortestUs = stepUs;
      if (shortest[slot]! < shortestUs) shortestUs = shortest[slot]!;
    }
    this.#shortestUs = shortestUs;
    this.#longestUs = longestUs;
    return true;
  }

  /** Finds the pieces that the series were folded into the last time; false: one is not open. */
  findPieces({ placements, windows }: FoldTables, columns: readonly JointColumn[]): boolean {
    const numbers = windows.pieces.numbers.data;
    const { layout } = this;
    const { slots } = layout;
    const length = columns.length * slots.length;
    if (layout.room.length < length) layout.room = new Int32Array(length);
    this.pieces = layout.room;
    for (const { number, targetNumber, widthNumber, ...column } of columns) {
      const { isOwn, lane, stride, widthUs, plan } = column;
      const own = isOwn ? placements.timed.hints(lane) : undefined;
      let fromUs = -Infinity;
      let toUs = Infinity;
      for (let j = 0; j < slots.length; j += 1) {
        const slot = slots[j]!;
        const hints = own ?? placements.find(slot)!.all[targetNumber]!.output!.hints;
        const h = (isOwn ? stride * slot : 0) + 2 * widthNumber;
        const piece = hints[h]! | 0;
        const n = PIECE_FIELDS * piece;
        const startUs = numbers[n + START_US]!;
        if (numbers[n + TURN] !== hints[h + 1] || !(startUs < plan.untilUs)) return false;
        this.pieces[number * slots.length + j] = piece;
        if (startUs > fromUs) fromUs = startUs;
        if (startUs + widthUs - ROUNDED_US < toUs) toUs = startUs + widthUs - ROUNDED_US;
      }
      this.#fromUs = Math.max(this.#fromUs, fromUs);
      this.#toUs = Math.min(this.#toUs, toUs);
    }
    return true;
  }
}
