import { floats64, words32, type Column } from './column.ts';

/**
 * Gaps of series, by slot: [from, to, from, to, …] ascending, open intervals. Nearly every series
 * has one, the time before it was first seen, and one more for each time that its sender was away.
 * They lie in columns: a list for each of a million series was a third of the heap, and the
 * collector went through all of them again and again.
 */
export class SeriesGaps {
  /** 1 + how many; 0: none were ever set. */
  readonly #counts: Column<Uint32Array> = words32();
  /** The first one of each slot, the second one, and so on: as far as any slot has so many. */
  readonly #places: Column<Float64Array>[] = [];
  #size = 0;

  /** Slots that have any. */
  get size(): number {
    return this.#size;
  }

  /** A list of the caller's own; undefined: none were set. */
  get(slot: number): number[] | undefined {
    const count = (this.#counts.data[slot] ?? 0) - 1;
    if (count < 0) return undefined;
    const gaps: number[] = [];
    for (let place = 0; place < count; place += 1) {
      const { data } = this.#places[place]!;
      gaps.push(data[2 * slot]!, data[2 * slot + 1]!);
    }
    return gaps;
  }

  set(slot: number, gaps: readonly number[]): void {
    const count = gaps.length / 2;
    reserve(this.#counts, slot);
    if (this.#counts.data[slot] === 0) this.#size += 1;
    this.#counts.data[slot] = count + 1;
    for (let place = 0; place < count; place += 1) {
      const column = (this.#places[place] ??= floats64(2));
      reserve(column, slot);
      column.data[2 * slot] = gaps[2 * place]!;
      column.data[2 * slot + 1] = gaps[2 * place + 1]!;
    }
  }

  delete(slot: number): void {
    if ((this.#counts.data[slot] ?? 0) === 0) return;
    this.#counts.data[slot] = 0;
    this.#size -= 1;
  }
}

function reserve(column: Column, slot: number): void {
  const room = column.data.length / column.width;
  if (slot >= room) column.reserve(Math.max(2 * room, slot + 1));
}
