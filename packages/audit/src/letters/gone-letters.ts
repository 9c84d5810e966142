import type { AuditPlan, PartitionPlan } from '../plan.ts';
import type { RefusedLetters } from './refused-letters.ts';

/** Rows that were refused and have no letter any more. */
interface Gone {
  /** Never sent again: nothing is left of their samples. */
  unsent: number;
  /** Sent again before: what came of that has a row, or a letter of its own. */
  redriven: number;
}

/** What is left to be taken of one partition. */
interface Left extends Gone {
  /** A person dropped so many in all, also of those that the fold put out. */
  dropped: number;
  /** Also of those that the fold put out. */
  redrivenInAll: number;
}

/** How far apart the clock of a receiver and that of the store may be. */
const APART_US_MAX = 300_000_000;

/**
 * Letters that a person dropped, or that expired: so many rows may be missing, in all rounds
 * together. What the ledger counts as refused counts also letters that are there, and those that
 * were sent again: neither excuses another row.
 */
export class GoneLetters {
  readonly #left = new Map<number, Left>();
  readonly #expiredUs: number;
  #rows = 0;
  #ofFold = 0;

  constructor({ partitions, expired }: AuditPlan, letters: RefusedLetters) {
    this.#expiredUs = expired.beforeUs('dead_letters');
    for (const plan of partitions) this.#left.set(plan.partition, leftOf(plan, letters));
  }

  /** Of rows that were refused. False: not as many are left, and none was taken. */
  take(partition: number, { unsent, redriven }: Gone): boolean {
    const left = this.#left.get(partition);
    if (left === undefined) return false;
    const ofRedriven = Math.min(redriven, left.redriven, left.redrivenInAll);
    // One may have been sent and dropped before it was marked as sent.
    const ofUnsent = unsent + redriven - ofRedriven;
    const haveExpired = this.#expiredUs !== -Infinity;
    if (ofUnsent > (haveExpired ? left.unsent : Math.min(left.unsent, left.dropped))) return false;
    left.redriven -= ofRedriven;
    left.redrivenInAll -= ofRedriven;
    left.unsent -= ofUnsent;
    if (!haveExpired) left.dropped -= ofUnsent;
    this.#rows += unsent + redriven;
    return true;
  }

  /** One that the fold put out: it is not there, and does not excuse a row. */
  takeOfFold(partition: number, receivedAtUs: number): boolean {
    const left = this.#left.get(partition);
    if (left === undefined) return false;
    // It was written down after it was received.
    if (receivedAtUs >= this.#expiredUs + APART_US_MAX) {
      if (left.redrivenInAll > 0) left.redrivenInAll -= 1;
      else if (left.dropped > 0) left.dropped -= 1;
      else return false;
    }
    this.#ofFold += 1;
    return true;
  }

  text(): string[] {
    const [rows, ofFold] = [this.#rows, this.#ofFold];
    return [
      ...(rows === 0
        ? []
        : [`${rows} rows are missing, as many dead letters were dropped or expired.`]),
      ...(ofFold === 0
        ? []
        : [`${ofFold} dead letters of the fold are not there: they were dropped, or expired.`]),
    ];
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

function leftOf(plan: PartitionPlan, letters: RefusedLetters): Left {
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
  return { unsent, redriven: Math.min(redriven, gone), redrivenInAll: redriven, dropped };
}
