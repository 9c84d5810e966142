/** Consecutive numbers that were seen, as stretches; in any order. */
export class SequenceSet {
  /** [first, last] of every stretch, ascending; no two touch. */
  #stretches: [first: number, last: number][] = [];
  /** Holes of what was forgotten. */
  readonly #holes: [first: number, last: number][] = [];

  /** False when it was there. */
  add(sequence: number): boolean {
    const stretches = this.#stretches;
    let at = stretches.length;
    while (at > 0 && stretches[at - 1]![0] > sequence) at -= 1;
    const before = stretches[at - 1];
    const after = stretches[at];
    if (before !== undefined && sequence <= before[1]) return false;
    const followsBefore = before !== undefined && before[1] === sequence - 1;
    const isBeforeAfter = after !== undefined && after[0] === sequence + 1;
    if (followsBefore && isBeforeAfter) {
      before[1] = after[1];
      stretches.splice(at, 1);
    } else if (followsBefore) before[1] = sequence;
    else if (isBeforeAfter) after[0] = sequence;
    else stretches.splice(at, 0, [sequence, sequence]);
    return true;
  }

  /** Begins anew: the same numbers may come again. */
  forget(): void {
    this.#holes.splice(0, Infinity, ...this.holes());
    this.#stretches = [];
  }

  /** What is missing between the first and the last that were seen. */
  holes(): [first: number, last: number][] {
    const holes = this.#stretches.slice(1).map(([first], i): [number, number] => {
      return [this.#stretches[i]![1] + 1, first - 1];
    });
    return [...this.#holes, ...holes];
  }
}
