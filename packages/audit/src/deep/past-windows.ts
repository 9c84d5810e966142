import { openedAt } from '@millrace/model';
import { isJobSource } from '@millrace/wire';
import type { StoredEditions, StoredPiece, StoredPosition } from '@millrace/store';
import type { StoredJob } from './fold-job.ts';

/**
 * Windows that live folding alone does not explain: what jobs folded, which is held against the
 * same jobs folded again where they still can be, and what was dropped.
 */
export class PastWindows {
  /** By edition and partition, where live folding began an edition of a candidate. */
  readonly #begun = new Map<string, number>();
  readonly #dropped: ReadonlySet<number>;
  readonly #hasJobs: boolean;
  /** Of which jobs what they put out is known, by candidate and partition. */
  readonly #folded = new Set<string>();
  readonly #candidates: ReadonlyMap<number, number | undefined>;
  /** Why jobs cannot be folded again; each once. */
  readonly #reasons = new Set<string>();
  /** Pieces of those. */
  #pieces = 0;

  /** `logIds`: of each partition the log that is looked at. */
  constructor(
    { editions, starts }: StoredEditions,
    positions: readonly StoredPosition[],
    logIds: ReadonlyMap<number, string | undefined>,
  ) {
    const candidates = new Map(editions.map((one) => [one.edition, one.candidate]));
    this.#candidates = candidates;
    for (const { edition, partition, logId, fromPosition } of starts) {
      if (logIds.get(partition) !== logId) continue;
      if (candidates.get(edition) === undefined) continue;
      this.#begun.set(`${edition} ${partition}`, fromPosition);
    }
    const dropped = editions.filter(({ isDropped }) => isDropped);
    this.#dropped = new Set(dropped.map(({ edition }) => edition));
    this.#hasJobs = positions.some(({ source }) => isJobSource(source));
  }

  /** Whether jobs have put anything out: then series may be known for longer than they live. */
  get hasJobs(): boolean {
    return this.#hasJobs;
  }

  /** `why` it cannot be folded again; undefined: it was. */
  folded({ job: { candidate }, plan: { partition } }: StoredJob, why: string | undefined): void {
    if (why === undefined) this.#folded.add(`${candidate} ${partition}`);
    else this.#reasons.add(why);
  }

  /** Whether a row of `windows` is none that live folding puts out. */
  passesOver({ edition, partition, piece }: StoredPiece): boolean {
    if (this.#dropped.has(edition)) return true;
    const begun = this.#begun.get(`${edition} ${partition}`);
    const isOfJob = begun !== undefined && openedAt(piece) < begun;
    const isKnown = this.#folded.has(`${this.#candidates.get(edition)} ${partition}`);
    if (isOfJob && !isKnown) this.#pieces += 1;
    return isOfJob && !isKnown;
  }

  /** Whether pieces of an edition may have been deleted. */
  isDropped(edition: number): boolean {
    return this.#dropped.has(edition);
  }

  /** What an audit does not prove of them. */
  text(): string[] {
    const sentences: string[] = [];
    if (this.#pieces > 0) {
      const reasons = [...this.#reasons].join('; ') || 'the log does not know their rules any more';
      sentences.push(
        `Windows that jobs have folded out of the past (${this.#pieces} pieces) were not ` +
          `compared: ${reasons}.`,
      );
    }
    if (this.#hasJobs) {
      sentences.push(
        'Jobs have folded the past: of series it is proven that none of live folding is missing, ' +
          'and not that none is too many.',
      );
    }
    if (this.#dropped.size > 0) {
      const numbers = [...this.#dropped].sort((a, b) => a - b).join(', ');
      sentences.push(`Windows of dropped editions (${numbers}) were not compared.`);
    }
    return sentences;
  }
}
