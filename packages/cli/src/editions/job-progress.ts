import type { JobProgress } from '@millrace/store';
import type { JobLook } from './look-at-jobs.ts';

/** How far jobs are, and how fast. */
export interface ShownProgress {
  /** 0 to 1, of what there was to do when it was looked at first. */
  share: number;
  ended: number;
  partitions: number;
  /** Folded in a second, in all partitions; undefined: nobody tells. */
  samplesPerSecond: number | undefined;
  recordsPerSecond: number;
  /** Undefined: not to be foreseen. */
  leftMs: number | undefined;
  /** How far live results are behind; undefined: nobody tells. */
  lagMs: number | undefined;
  paused: boolean;
  /** The code of what holds it up; undefined: nothing does. */
  heldBy: string | undefined;
}

/** Looks are this far apart at least, for a rate that does not jump about. */
const RATE_MS = 3000;

interface Sample {
  atMs: number;
  done: number;
}

/** Makes of looks at positions how far it is and how long it takes. */
export class ProgressMeter {
  /** By partition: the first position that was known, where its job may have begun. */
  readonly #from = new Map<number, number>();
  readonly #seen: Sample[] = [];

  take(look: JobLook, partitions: number, nowMs: number): ShownProgress {
    const { progress, samplesPerSecond, lagMs, paused, held } = look;
    let done = 0;
    let total = 0;
    for (const one of progress) {
      const from = this.#fromOf(one);
      total += one.endPosition - from;
      done += (one.hasEnded ? one.endPosition : Math.min(one.position, one.endPosition)) - from;
    }
    const ended = progress.filter(({ hasEnded }) => hasEnded).length;
    const isOver = ended === partitions;
    // A partition that has not begun is as big as the others, as far as anybody knows.
    const known = total === 0 ? progress.length / partitions : done / total;
    const share = isOver ? 1 : Math.min(0.999, known * (progress.length / partitions));
    const recordsPerSecond = this.#rate({ atMs: nowMs, done });
    const isForeseen = recordsPerSecond > 0 && progress.length === partitions && !paused;
    const leftMs = isForeseen ? (1000 * (total - done)) / recordsPerSecond : undefined;
    return {
      ...{ share, ended, partitions, samplesPerSecond, recordsPerSecond, lagMs, paused },
      heldBy: held[0]?.code,
      leftMs: isOver ? 0 : leftMs,
    };
  }

  /** Results of a job appear where it began, at a checkpoint or at the beginning. */
  #fromOf({ partition, position, hasEnded, endPosition }: JobProgress): number {
    const known = this.#from.get(partition);
    if (known !== undefined) return known;
    if (position === 0 && !hasEnded) return 0;
    const from = Math.min(position, endPosition);
    this.#from.set(partition, from);
    return from;
  }

  #rate(now: Sample): number {
    this.#seen.push(now);
    while (this.#seen.length > 2 && now.atMs - this.#seen[1]!.atMs >= RATE_MS) this.#seen.shift();
    const first = this.#seen[0]!;
    const ms = now.atMs - first.atMs;
    return ms <= 0 ? 0 : Math.max(0, (1000 * (now.done - first.done)) / ms);
  }
}
