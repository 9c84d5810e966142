import { mappedBuffer } from '@millrace/runtime';

/**
 * Slots by the whole second at which they are to be looked at again, each in one place. A slot's
 * second may move on after it was added: whoever takes it checks, and adds it anew.
 */
export class DueList {
  readonly #seconds = new Map<number, SlotList>();
  /** The number of the list in which each slot is; 0: in none. What says otherwise is old. */
  #listed: Int32Array = new Int32Array(64);
  #lists = 0;
  #next = Infinity;
  #size = 0;
  #old = 0;

  /** Entries held, old ones included. */
  get entries(): number {
    return this.#size + this.#old;
  }

  /** Whether there may be something to take by a second. */
  isDue(second: number): boolean {
    return second >= this.#next;
  }

  add(slot: number, second: number): void {
    if (slot >= this.#listed.length) this.#grow(slot);
    const listed = this.#listed[slot]!;
    if (listed !== 0 && this.#seconds.get(second)?.number === listed) return;
    this.remove(slot);
    const list = this.#listOf(second);
    this.#listed[slot] = list.number;
    this.#size += 1;
    list.push(slot);
    if (second < this.#next) this.#next = second;
  }

  remove(slot: number): void {
    if ((this.#listed[slot] ?? 0) === 0) return;
    this.#listed[slot] = 0;
    this.#size -= 1;
    this.#old += 1;
    if (this.#old > this.#size + OLD_MAX) this.#sweep();
  }

  /** Removes and returns the slots of all seconds up to `second`, in no order that matters. */
  take(second: number): number[] {
    const taken: number[] = [];
    if (!this.isDue(second)) return taken;
    this.#next = Infinity;
    for (const [due, list] of this.#seconds) {
      if (due > second) {
        if (due < this.#next) this.#next = due;
        continue;
      }
      this.#seconds.delete(due);
      for (const slot of list.all) {
        if (this.#listed[slot] === list.number) {
          this.#listed[slot] = 0;
          this.#size -= 1;
          taken.push(slot);
        } else this.#old -= 1;
      }
    }
    return taken;
  }

  clear(): void {
    this.#seconds.clear();
    this.#listed.fill(0);
    this.#next = Infinity;
    this.#size = 0;
    this.#old = 0;
  }

  /** Drops old entries: slots that are given away and taken again leave one each time. */
  #sweep(): void {
    this.#old = 0;
    const byNumber = new Map<number, SlotList>();
    for (const { number } of this.#seconds.values()) byNumber.set(number, new SlotList(number));
    // Not from list to list: a slot that came back to its second stands there twice.
    for (let slot = 0; slot < this.#listed.length; slot += 1) {
      const number = this.#listed[slot]!;
      if (number !== 0) byNumber.get(number)!.push(slot);
    }
    for (const [second, { number }] of this.#seconds) {
      const list = byNumber.get(number)!;
      if (list.all.length > 0) this.#seconds.set(second, list);
      else this.#seconds.delete(second);
    }
  }

  #listOf(second: number): SlotList {
    let list = this.#seconds.get(second);
    if (list === undefined) {
      this.#lists += 1;
      this.#seconds.set(second, (list = new SlotList(this.#lists)));
    }
    return list;
  }

  #grow(slot: number): void {
    const length = 2 * (slot + 1);
    const grown = new Int32Array(mappedBuffer(4 * length), 0, length);
    grown.set(this.#listed);
    this.#listed = grown;
  }
}

/** Slots as columns: of a million series an array would be a large part of the thread's heap. */
class SlotList {
  readonly number: number;
  #slots = new Int32Array(8);
  #count = 0;

  constructor(number: number) {
    this.number = number;
  }

  push(slot: number): void {
    if (this.#count === this.#slots.length) {
      const length = Math.ceil(1.5 * this.#count);
      const grown = new Int32Array(mappedBuffer(4 * length), 0, length);
      grown.set(this.#slots);
      this.#slots = grown;
    }
    this.#slots[this.#count] = slot;
    this.#count += 1;
  }

  get all(): Int32Array {
    return this.#slots.subarray(0, this.#count);
  }
}

/** Old entries that are borne before they are looked for. */
const OLD_MAX = 1024;
const SECOND_US = 1_000_000;

/** The first whole second that is not before a time. */
export function secondAfter(timeUs: number): number {
  return Math.ceil(timeUs / SECOND_US);
}

/** The whole second a time lies in. */
export function secondOf(timeUs: number): number {
  return Math.floor(timeUs / SECOND_US);
}
