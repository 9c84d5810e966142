/**
 * Slots by the whole second at which they are to be looked at again. A slot's second may move
 * on after it was added: whoever takes it checks, and adds it anew.
 */
export class DueList {
  readonly #seconds = new Map<number, number[]>();
  #next = Infinity;

  add(slot: number, second: number): void {
    const slots = this.#seconds.get(second);
    if (slots === undefined) this.#seconds.set(second, [slot]);
    else slots.push(slot);
    if (second < this.#next) this.#next = second;
  }

  /** Removes and returns the slots of all seconds up to `second`, in no order that matters. */
  take(second: number): number[] {
    if (second < this.#next) return [];
    const taken: number[] = [];
    this.#next = Infinity;
    for (const [due, slots] of this.#seconds) {
      if (due <= second) {
        for (const slot of slots) taken.push(slot);
        this.#seconds.delete(due);
      } else if (due < this.#next) this.#next = due;
    }
    return taken;
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
