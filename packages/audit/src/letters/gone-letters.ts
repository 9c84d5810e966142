import type { AuditPlan, PartitionPlan } from '../plan.ts';
import type { RefusedLetters } from './refused-letters.ts';

/** Rows that were refused and have no letter any more. */
interface Gone {
  /** Never sent again: nothing is left of their samples. */
  unsent: number;
  /** Sent again before: what came of that has a row, or a letter of its own. */
  redriven: number;
}

/**
 * Letters that a person dropped, or that expired: so many rows may be missing, in all rounds
 * together. What the ledger counts as refused counts also letters that are there, and those that
 * were sent again: neither excuses another row.
 */
export class GoneLetters {
  readonly #left = new Map<number, Gone>();
  #taken = 0;

  constructor({ partitions, expired }: AuditPlan, letters: RefusedLetters) {
    const haveExpired = expired.dead_letters !== -Infinity;
    for (const plan of partitions) {
      this.#left.set(plan.partition, goneOf(plan, letters, haveExpired));
    }
  }

  /** False: not as many are left, and none was taken. */
  take(partition: number, { unsent, redriven }: Gone): boolean {
    const left = this.#left.get(partition);
    if (left === undefined) return false;
    const ofRedriven = Math.min(redriven, left.redriven);
    // One may have been sent and dropped before it was marked as sent.
    const ofUnsent = unsent + redriven - ofRedriven;
    if (ofUnsent > left.unsent) return false;
    left.redriven -= ofRedriven;
    left.unsent -= ofUnsent;
    this.#taken += unsent + redriven;
    return true;
  }

  text(): string[] {
    const taken = this.#taken;
    return taken === 0
      ? []
      : [`${taken} rows are missing, as many dead letters were dropped or expired.`];
  }
}

/** Letters that were sent again, and that were dropped or expired since. */
export function redrivenGone(
  { partition, totals }: PartitionPlan,
  letters: RefusedLetters,
): number {
  const sent = totals.reduce((sum, one) => sum + one.deadLetterToDuplicate, 0);
  return Math.max(0, sent - letters.there(partition).redriven);
}

function goneOf(plan: PartitionPlan, letters: RefusedLetters, haveExpired: boolean): Gone {
  const { partition, totals, start } = plan;
  const there = letters.there(partition);
  let [refused, undefinedToo, dropped] = [-there.refused, -there.undefined, 0];
  for (const one of totals) {
    refused += one.storedToDeadLetter + one.unverifiedToDeadLetter;
    undefinedToo += one.deadLetter;
    dropped += one.deadLetterToDropped;
  }
  undefinedToo = Math.max(0, undefinedToo);
  // Of a log that lacks its beginning it is not known whose labels were undefined.
  const gone = Math.max(0, refused) + (start === 0 ? 0 : undefinedToo);
  const redriven = redrivenGone(plan, letters);
  // How many of them the fold had put out as letters the ledger does not say: at most all of those.
  const unsent = Math.max(0, gone - Math.max(0, redriven - undefinedToo));
  return {
    unsent: haveExpired ? unsent : Math.min(unsent, dropped),
    redriven: Math.min(redriven, gone),
  };
}
