/** One sample that lies in no window, and that a counter may go on from. */
export interface TailSample {
  timeUs: number;
  value: number;
  startUs: number;
  flags: number;
  kind: number;
}

/**
 * Of the time before each wanted window of a series what a counter in it may go on from: the newest
 * sample that has a value, and those behind it that have none. Others need not be held.
 */
export class SeriesTails {
  readonly #gaps = new Map<number, TailSample[]>();

  /** Takes one that came; of two at one time the first. `gap`: which wanted window comes next. */
  add(gap: number, sample: Readonly<TailSample>, isUntimed: boolean, isValued: boolean): void {
    let tail = this.#gaps.get(gap);
    if (tail === undefined) this.#gaps.set(gap, (tail = []));
    let { timeUs } = sample;
    // An arrival without a time of its own gets the next one that is free.
    while (tail.some((one) => one.timeUs === timeUs)) {
      if (!isUntimed) return;
      timeUs += 1;
    }
    const at = tail.findLastIndex((one) => one.timeUs < timeUs) + 1;
    // Older than the newest value that is known: it is of no use.
    if (at === 0 && tail.length > 0 && isValue(tail[0]!)) return;
    tail.splice(at, 0, { ...sample, timeUs });
    if (isValued) tail.splice(0, at);
  }

  *all(): Generator<TailSample> {
    for (const tail of this.#gaps.values()) yield* tail;
  }
}

const VALUELESS = 1 | 8;

function isValue({ flags }: TailSample): boolean {
  return (flags & VALUELESS) === 0;
}
