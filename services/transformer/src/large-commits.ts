/** One that takes longer is held up by something, and others need not be. */
const TURN_US_MAX = 60_000_000;

/**
 * Which partition's large commit is under way: one at a time, because the pages of each are in
 * memory as a whole until it is done.
 */
export class LargeCommits {
  #turn: { partition: number; sinceUs: number } | undefined;

  /** False: another one is under way. */
  begin(partition: number, nowUs: number): boolean {
    if (this.#turn !== undefined && nowUs - this.#turn.sinceUs < TURN_US_MAX) return false;
    this.#turn = { partition, sinceUs: nowUs };
    return true;
  }

  /** Also when it did not begin, or not as a large one. */
  end(partition: number): void {
    if (this.#turn?.partition === partition) this.#turn = undefined;
  }
}
