/** Hands out slot numbers; freed ones first. Numbers are private to one run: never put out. */
export class Slots {
  #end = 0;
  #free: number[] = [];

  /** Slots that were ever handed out: what pages must cover. */
  get end(): number {
    return this.#end;
  }

  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    this.#end += 1;
    return this.#end - 1;
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  restore(end: number, isUsed: (slot: number) => boolean): void {
    this.#end = end;
    this.#free = [];
    for (let slot = end - 1; slot >= 0; slot -= 1) if (!isUsed(slot)) this.#free.push(slot);
  }
}
