import { openedAt } from '@millrace/model';
import { isJobSource } from '@millrace/wire';
import type { StoredEditions, StoredPiece, StoredPosition } from '@millrace/store';

/** Windows that live folding alone does not explain: what jobs folded, and what was dropped. */
export class PastWindows {
  /** By edition and partition, where live folding began an edition of a candidate. */
  readonly #begun = new Map<string, number>();
  readonly #dropped: ReadonlySet<number>;
  readonly #hasJobs: boolean;
  /** Pieces that jobs have put out. */
  #pieces = 0;

  /** `logIds`: of each partition the log that is looked at. */
  constructor(
    { editions, starts }: StoredEditions,
    positions: readonly StoredPosition[],
    logIds: ReadonlyMap<number, string | undefined>,
  ) {
    const candidates = new Map(editions.map((one) => [one.edition, one.candidate]));
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

  /** Whether a row of `windows` is none that live folding puts out. */
  passesOver({ edition, partition, piece }: StoredPiece): boolean {
    if (this.#dropped.has(edition)) return true;
    const begun = this.#begun.get(`${edition} ${partition}`);
    const isOfJob = begun !== undefined && openedAt(piece) < begun;
    if (isOfJob) this.#pieces += 1;
    return isOfJob;
  }

  /** Whether pieces of an edition may have been deleted. */
  isDropped(edition: number): boolean {
    return this.#dropped.has(edition);
  }

  /** What an audit does not prove of them. */
  text(): string[] {
    const sentences: string[] = [];
    if (this.#hasJobs) {
      sentences.push(
        `Windows that jobs have folded out of the past (${this.#pieces} pieces) were not ` +
          'compared; of series it is proven that none is missing, and not that none is too many.',
      );
    }
    if (this.#dropped.size > 0) {
      const numbers = [...this.#dropped].sort((a, b) => a - b).join(', ');
      sentences.push(`Windows of dropped editions (${numbers}) were not compared.`);
    }
    return sentences;
  }
}
