/** One that takes longer is held up by something, and others need not be. */
const TURN_US_MAX = 60_000_000;

/** All together take a twentieth of the time, however many partitions share it. */
const SHARE = 20;
/**
 * What a call took is not all work: a state that answers slowly is waited for. What takes more than
 * two seconds is taken for that, and would leave all others without a commit until they are
 * overdue. So three of them still have their turns within the minute after which a commit is.
 */
const REST_US_MAX = 20_000_000;

/**
 * Which partition's large commit is under way: one at a time, because the pages of each are in
 * memory as a whole until it is done. Behind each is a rest, so that all of them together take a
 * twentieth of the time, unless they are slow or overdue.
 */
export class LargeCommits {
  #turn: { partition: number; sinceUs: number } | undefined;
  #restUntilUs = 0;

  /** False: another one is under way, or the rest behind it is, which one that is overdue skips. */
  begin(partition: number, nowUs: number, skipsRest: boolean): boolean {
    if (this.#turn !== undefined && nowUs - this.#turn.sinceUs < TURN_US_MAX) return false;
    if (nowUs < this.#restUntilUs && !skipsRest) return false;
    this.#turn = { partition, sinceUs: nowUs };
    return true;
  }

  /** One is done that took so long. Said before `end`: none begins in between. */
  restAfter(busyUs: number, nowUs: number): void {
    this.#restUntilUs = nowUs + Math.min((SHARE - 1) * busyUs, REST_US_MAX);
  }

  /** Also when it did not begin, or not as a large one. */
  end(partition: number): void {
    if (this.#turn?.partition === partition) this.#turn = undefined;
  }
}
