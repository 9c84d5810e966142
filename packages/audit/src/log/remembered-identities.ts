/** What is remembered of a request's part. */
export interface RememberedPart {
  /** Ordinals that were refused so far: a repetition may bring them. */
  refused: readonly number[];
}

/**
 * Identities of parts and events for as long as they are promised to be remembered: by partition
 * time, and so many of them. Repetitions of what is forgotten are told by the floor.
 */
export class RememberedIdentities {
  readonly #known = new Map<string, RememberedPart>();
  /** In order of arrival; the first `#forgotten` of them are gone. */
  #queue: { key: string; arrivedUs: number }[] = [];
  #forgotten = 0;
  /** The largest arrival of what is forgotten. */
  floorUs: number = -Infinity;

  find(key: string): RememberedPart | undefined {
    return this.#known.get(key);
  }

  add(key: string, arrivedUs: number, refused: readonly number[] = []): void {
    this.#known.set(key, { refused });
    this.#queue.push({ key, arrivedUs });
  }

  forget(limits: Readonly<{ untilUs: number; countMax: number }>): void {
    while (this.#forgotten < this.#queue.length) {
      const oldest = this.#queue[this.#forgotten]!;
      if (oldest.arrivedUs > limits.untilUs && this.#known.size <= limits.countMax) break;
      this.#known.delete(oldest.key);
      this.floorUs = Math.max(this.floorUs, oldest.arrivedUs);
      this.#forgotten += 1;
    }
    if (this.#forgotten < 10_000 || this.#forgotten * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#forgotten);
    this.#forgotten = 0;
  }
}
