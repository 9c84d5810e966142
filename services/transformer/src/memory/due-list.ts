import { mappedBuffer } from '@millrace/runtime';

/**
 * Slots by the whole second at which they are to be looked at again, each in one place. A slot's
 * second may move on after it was added: whoever takes it checks, and adds it anew.
 */
export class DueList {
  readonly #seconds = new Map<number, SlotList>();
  /** The second at which each slot is listed; NaN: not at all. What says otherwise is old. */
  #listed: Float64Array = new Float64Array(64).fill(NaN);
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
    if (this.#listed[slot] === second) return;
    this.remove(slot);
    this.#listed[slot] = second;
    this.#size += 1;
    let slots = this.#seconds.get(second);
    if (slots === undefined) this.#seconds.set(second, (slots = new SlotList()));
    slots.push(slot);
    if (second < this.#next) this.#next = second;
  }

  remove(slot: number): void {
    if (Number.isNaN(this.#listed[slot] ?? NaN)) return;
    this.#listed[slot] = NaN;
    this.#size -= 1;
    this.#old += 1;
    if (this.#old > this.#size + OLD_MAX) this.#sweep();
  }

  /** Removes and returns the slots of all seconds up to `second`, in no order that matters. */
  take(second: number): number[] {
    const taken: number[] = [];
    if (!this.isDue(second)) return taken;
    this.#next = Infinity;
    for (const [due, slots] of this.#seconds) {
      if (due > second) {
        if (due < this.#next) this.#next = due;
        continue;
      }
      this.#seconds.delete(due);
      for (const slot of slots.all) {
        if (this.#listed[slot] === due) {
          this.#listed[slot] = NaN;
          this.#size -= 1;
          taken.push(slot);
        } else this.#old -= 1;
      }
    }
    return taken;
  }

  clear(): void {
    this.#seconds.clear();
    this.#listed.fill(NaN);
    this.#next = Infinity;
    this.#size = 0;
    this.#old = 0;
  }

  /** Drops old entries: slots that are given away and taken again leave one each time. */
  #sweep(): void {
    this.#seconds.clear();
    this.#next = Infinity;
    this.#size = 0;
    this.#old = 0;
    const listed = this.#listed;
    this.#listed = new Float64Array(listed.length).fill(NaN);
    for (let slot = 0; slot < listed.length; slot += 1) {
      if (!Number.isNaN(listed[slot])) this.add(slot, listed[slot]!);
    }
  }

  #grow(slot: number): void {
    const before = this.#listed;
    // All of it is written: room for twice as many would be taken, and not only reserved.
    const length = Math.ceil(GROWTH * (slot + 1));
    const grown = new Float64Array(mappedBuffer(8 * length), 0, length);
    grown.set(before);
    grown.fill(NaN, before.length);
    this.#listed = grown;
  }
}

/** Slots as columns: of a million series an array would be a large part of the thread's heap. */
class SlotList {
  #slots = new Int32Array(8);
  #count = 0;

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

const GROWTH = 1.25;
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
