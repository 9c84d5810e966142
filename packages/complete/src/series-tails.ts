import { SampleFlag } from '@millrace/model';

/** One sample that lies in no window that is wanted. */
export interface TailSample {
  timeUs: number;
  value: number;
  startUs: number;
  /** Of `SampleFlag`. */
  flags: number;
  kind: number;
}

interface Gap {
  /** The oldest one with a value. */
  first: TailSample | undefined;
  /** The newest one with a value, and those behind it that have none. */
  tail: TailSample[];
}

/**
 * Of the time between the wanted windows of a series what a counter in the next one may go on from,
 * and what goes on from a counter in the one before. Others need not be held.
 */
export class SeriesTails {
  readonly #gaps = new Map<number, Gap>();

  /**
   * Takes one that came; of two at one time the first. `at`: how many bounds of windows are before.
   * Tells how many more with a value are held.
   */
  add(at: number, sample: Readonly<TailSample>): number {
    let gap = this.#gaps.get(at);
    if (gap === undefined) this.#gaps.set(at, (gap = { first: undefined, tail: [] }));
    const before = heldIn(gap);
    put(gap, sample);
    return heldIn(gap) - before;
  }

  *all(): Generator<TailSample> {
    for (const { first, tail } of this.#gaps.values()) {
      if (first !== undefined && !tail.includes(first)) yield first;
      yield* tail;
    }
  }
}

function heldIn({ first, tail }: Gap): number {
  const [oldest] = tail;
  return (first === undefined ? 0 : 1) + (oldest !== undefined && isValue(oldest) ? 1 : 0);
}

function put(gap: Gap, sample: Readonly<TailSample>): void {
  const { tail, first } = gap;
  let { timeUs } = sample;
  // An arrival without a time of its own gets the next one that is free.
  while (first?.timeUs === timeUs || isTaken(tail, timeUs)) {
    if ((sample.flags & SampleFlag.untimed) === 0) return;
    timeUs += 1;
  }
  const taken = { ...sample, timeUs };
  if (isValue(taken) && !(first !== undefined && first.timeUs < timeUs)) gap.first = taken;
  const place = tail.findLastIndex((one) => one.timeUs < timeUs) + 1;
  // Older than the newest value that is known: it is of no use.
  if (place === 0 && tail.length > 0 && isValue(tail[0]!)) return;
  tail.splice(place, 0, taken);
  if (isValue(taken)) tail.splice(0, place);
}

/** From the end on: mostly it comes behind all of them, and there may be very many without a value. */
function isTaken(tail: readonly TailSample[], timeUs: number): boolean {
  return tail.findLast((one) => one.timeUs <= timeUs)?.timeUs === timeUs;
}

const VALUELESS = SampleFlag.stale | SampleFlag.histogram;

function isValue({ flags }: TailSample): boolean {
  return (flags & VALUELESS) === 0;
}
