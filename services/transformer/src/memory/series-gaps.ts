import { floats64, reserveSlots, words32, type Column } from './column.ts';

/**
 * As many of each series lie in columns: each one more takes 16 bytes of every slot there is, and
 * few series have more.
 */
const PLACES = 2;

/**
 * Gaps of series, by slot: [from, to, from, to, …] ascending, open intervals. Nearly every series
 * has one, the time before it was first seen, and one more for each time that its sender was away.
 * They lie in columns: a list for each of a million series was a third of the heap, and the
 * collector went through all of them again and again. Those few that have more than there are
 * places have a list each of what is more.
 */
export class SeriesGaps {
  /** 1 + how many; 0: none were ever set. */
  readonly #counts: Column<Uint32Array> = words32();
  /** The first one of each slot, and the second one: as far as any slot has so many. */
  readonly #places: Column<Float64Array>[] = [];
  /** The others, of slots that have any. */
  readonly #others = new Map<number, readonly number[]>();
  #size = 0;

  /** Slots that have any. */
  get size(): number {
    return this.#size;
  }

  /** What every slot has, of a series with however many. */
  get slotBytes(): number {
    return [this.#counts, ...this.#places].reduce((sum, column) => sum + column.slotBytes, 0);
  }

  /** A list of the caller's own; undefined: none were set. */
  get(slot: number): number[] | undefined {
    const count = (this.#counts.data[slot] ?? 0) - 1;
    if (count < 0) return undefined;
    const gaps: number[] = [];
    for (let place = 0; place < Math.min(count, PLACES); place += 1) {
      const { data } = this.#places[place]!;
      gaps.push(data[2 * slot]!, data[2 * slot + 1]!);
    }
    return count > PLACES ? gaps.concat(this.#others.get(slot)!) : gaps;
  }

  set(slot: number, gaps: readonly number[]): void {
    const count = gaps.length / 2;
    reserveSlots([this.#counts], slot + 1);
    if (this.#counts.data[slot] === 0) this.#size += 1;
    this.#counts.data[slot] = count + 1;
    if (count > PLACES) this.#others.set(slot, gaps.slice(2 * PLACES));
    else this.#others.delete(slot);
    for (let place = 0; place < Math.min(count, PLACES); place += 1) {
      const column = (this.#places[place] ??= floats64(2));
      reserveSlots([column], slot + 1);
      column.data[2 * slot] = gaps[2 * place]!;
      column.data[2 * slot + 1] = gaps[2 * place + 1]!;
    }
  }

  delete(slot: number): void {
    if ((this.#counts.data[slot] ?? 0) === 0) return;
    this.#counts.data[slot] = 0;
    this.#others.delete(slot);
    this.#size -= 1;
  }
}
