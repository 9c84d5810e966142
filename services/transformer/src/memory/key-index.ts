import { mappedBuffer } from '@millrace/runtime';
import { reserveSlots, words32, type Column } from './column.ts';

const FREE = -1;

/**
 * Finds slots by 128-bit keys that are uniformly distributed already (fingerprints, digests):
 * open addressing with linear probing, removal by shifting back, at most half full.
 */
export class KeyIndex {
  /** Four 32-bit lanes of every slot's key. */
  readonly keys: Column<Uint32Array> = words32(4, 'asTheyAre');
  #table: Int32Array = new Int32Array(128).fill(FREE);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Makes room for the keys of so many slots. */
  reserve(slots: number): void {
    reserveSlots([this.keys], slots);
  }

  /** The slot of a key, or -1. */
  find(a: number, b: number, c: number, d: number): number {
    const { data } = this.keys;
    const mask = this.#table.length - 1;
    for (let i = a & mask; ; i = (i + 1) & mask) {
      const slot = this.#table[i]!;
      if (slot === FREE) return FREE;
      const k = 4 * slot;
      if (data[k] === a && data[k + 1] === b && data[k + 2] === c && data[k + 3] === d) {
        return slot;
      }
    }
  }

  /** Gives a slot a key that no other slot has. */
  insert(slot: number, a: number, b: number, c: number, d: number): void {
    const { data } = this.keys;
    data[4 * slot] = a;
    data[4 * slot + 1] = b;
    data[4 * slot + 2] = c;
    data[4 * slot + 3] = d;
    this.adopt(slot);
  }

  /** Indexes a slot whose key is in place already. */
  adopt(slot: number): void {
    if ((this.#size + 1) * 2 > this.#table.length) this.#rehash();
    this.#size += 1;
    this.#place(slot);
  }

  remove(slot: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let hole = this.keys.data[4 * slot]! & mask;
    while (table[hole] !== slot) hole = (hole + 1) & mask;
    // Later members of the run move up unless that would put them before their home.
    for (let i = (hole + 1) & mask; table[i] !== FREE; i = (i + 1) & mask) {
      const home = this.keys.data[4 * table[i]!]! & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      table[hole] = table[i]!;
      hole = i;
    }
    table[hole] = FREE;
    this.#size -= 1;
  }

  clear(): void {
    this.#table.fill(FREE);
    this.#size = 0;
  }

  #place(slot: number): void {
    const mask = this.#table.length - 1;
    let i = this.keys.data[4 * slot]! & mask;
    while (this.#table[i] !== FREE) i = (i + 1) & mask;
    this.#table[i] = slot;
  }

  #rehash(): void {
    const before = this.#table;
    const length = 2 * before.length;
    this.#table = new Int32Array(mappedBuffer(4 * length), 0, length).fill(FREE);
    for (let i = 0; i < before.length; i += 1) if (before[i] !== FREE) this.#place(before[i]!);
  }
}
