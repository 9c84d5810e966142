/** One that takes longer is held up by something, and others need not be. */
const TURN_US_MAX = 60_000_000;

/** All together take a tenth of the time, however many partitions share it. */
const SHARE = 10;

/**
 * Which partition's large commit is under way: one at a time, because the pages of each are in
 * memory as a whole until it is done.
 */
export class LargeCommits {
  #turn: { partition: number; sinceUs: number } | undefined;
  #restUntilUs = 0;

  /** False: another one is under way, or was so lately that one that is not overdue can wait. */
  begin(partition: number, nowUs: number, isOverdue: boolean): boolean {
    if (this.#turn !== undefined && nowUs - this.#turn.sinceUs < TURN_US_MAX) return false;
    if (nowUs < this.#restUntilUs && !isOverdue) return false;
    this.#turn = { partition, sinceUs: nowUs };
    return true;
  }

  /** One is done that kept the thread busy for so long. */
  rest(busyUs: number, nowUs: number): void {
    this.#restUntilUs = nowUs + (SHARE - 1) * busyUs;
  }

  /** Also when it did not begin, or not as a large one. */
  end(partition: number): void {
    if (this.#turn?.partition === partition) this.#turn = undefined;
  }
}
