import { DISPOSITIONS, type Disposition } from '@millrace/model';

/**
 * What the log alone says of a sample. Whether a repetition was still remembered, only the
 * transformer's bounded memory knows: then it is one of two.
 */
export const Fate = {
  stored: 0,
  dropped: 1,
  duplicate: 2,
  unverified: 3,
  storedOrUnverified: 4,
  droppedOrUnverified: 5,
  duplicateOrUnverified: 6,
  conflictOrUnverified: 7,
  /** It lies outside of the times that are looked at. */
  any: 8,
  /** Of series that a rule drops. */
  duplicateOrDropped: 9,
  conflictOrDropped: 10,
  deadLetter: 11,
  /** Nobody can tell whether its labels were known. */
  anyOrDeadLetter: 12,
} as const;
export type Fate = (typeof Fate)[keyof typeof Fate];

const COLUMNS_OF: readonly (readonly Disposition[])[] = [
  ['stored'],
  ['dropped'],
  ['duplicate'],
  ['unverified'],
  ['stored', 'unverified'],
  ['dropped', 'unverified'],
  ['duplicate', 'unverified'],
  ['conflict', 'unverified'],
  ['stored', 'duplicate', 'conflict', 'dropped', 'unverified'],
  ['duplicate', 'dropped'],
  ['conflict', 'dropped'],
  ['deadLetter'],
  DISPOSITIONS,
];

export interface Bounds {
  least: number;
  most: number;
}

/** Samples of one tenant in one partition, by what the log says of them. */
export class Tally {
  readonly #counts = new Float64Array(COLUMNS_OF.length);

  count(fate: Fate, samples = 1): void {
    this.#counts[fate]! += samples;
  }

  add(other: Tally): void {
    for (let fate = 0; fate < COLUMNS_OF.length; fate += 1) {
      this.#counts[fate]! += other.#counts[fate]!;
    }
  }

  copy(): Tally {
    const copy = new Tally();
    copy.add(this);
    return copy;
  }

  /** Rows tell what became of so many samples that the log leaves open. */
  settle({ stored, unverified }: Readonly<{ stored: number; unverified: number }>): void {
    this.#counts[Fate.storedOrUnverified]! -= stored + unverified;
    this.#counts[Fate.stored]! += stored;
    this.#counts[Fate.unverified]! += unverified;
  }

  get accepted(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** How many samples a column of the ledger must and may count. */
  bounds(column: Disposition): Bounds {
    let [least, most] = [0, 0];
    for (const [fate, columns] of COLUMNS_OF.entries()) {
      if (!columns.includes(column)) continue;
      most += this.#counts[fate]!;
      if (columns.length === 1) least += this.#counts[fate]!;
    }
    return { least, most };
  }
}
