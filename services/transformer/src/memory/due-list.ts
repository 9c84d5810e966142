/**
 * Slots by the whole second at which they are to be looked at again, each in one place. A slot's
 * second may move on after it was added: whoever takes it checks, and adds it anew.
 */
export class DueList {
  readonly #seconds = new Map<number, number[]>();
  /** The second at which each slot is listed; NaN: not at all. What says otherwise is old. */
  #listed: Float64Array = new Float64Array(64).fill(NaN);
  #next = Infinity;

  add(slot: number, second: number): void {
    if (slot >= this.#listed.length) this.#grow(slot);
    if (this.#listed[slot] === second) return;
    this.#listed[slot] = second;
    const slots = this.#seconds.get(second);
    if (slots === undefined) this.#seconds.set(second, [slot]);
    else slots.push(slot);
    if (second < this.#next) this.#next = second;
  }

  remove(slot: number): void {
    this.#listed[slot] = NaN;
  }

  /** Removes and returns the slots of all seconds up to `second`, in no order that matters. */
  take(second: number): number[] {
    const taken: number[] = [];
    if (second < this.#next) return taken;
    this.#next = Infinity;
    for (const [due, slots] of this.#seconds) {
      if (due > second) {
        if (due < this.#next) this.#next = due;
        continue;
      }
      this.#seconds.delete(due);
      for (const slot of slots) {
        if (this.#listed[slot] !== due) continue;
        this.#listed[slot] = NaN;
        taken.push(slot);
      }
    }
    return taken;
  }

  #grow(slot: number): void {
    const grown = new Float64Array(2 * slot).fill(NaN);
    grown.set(this.#listed);
    this.#listed = grown;
  }
}

const SECOND_US = 1_000_000;

/** The first whole second that is not before a time. */
export function secondAfter(timeUs: number): number {
  return Math.ceil(timeUs / SECOND_US);
}

/** The whole second a time lies in. */
export function secondOf(timeUs: number): number {
  return Math.floor(timeUs / SECOND_US);
}
