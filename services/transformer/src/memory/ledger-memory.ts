import type { LedgerTotals, SamplesByReason } from '@millrace/model';

/** Rules a tenant's ledger names: rules come and go, and what they dropped stays. */
export const LEDGER_RULES_MAX = 256;
/** Stands for all others; no rule can be named so. */
const OTHER_RULES = '(others)';

/** Running totals of every tenant of one partition. */
export class LedgerMemory {
  readonly #totals = new Map<string, LedgerTotals>();
  readonly #changed = new Set<string>();

  /** The totals of a tenant, to be counted up in place. */
  of(tenant: string): LedgerTotals {
    let totals = this.#totals.get(tenant);
    if (totals === undefined) {
      totals = {
        tenant,
        accepted: 0,
        stored: 0,
        duplicate: 0,
        conflict: 0,
        dropped: 0,
        unverified: 0,
        deadLetter: 0,
      };
      this.#totals.set(tenant, totals);
    }
    this.#changed.add(tenant);
    return totals;
  }

  /** A new log counts from 0: its totals are added to those of the logs before it. */
  reset(): void {
    this.#totals.clear();
    this.#changed.clear();
  }

  all(): Iterable<Readonly<LedgerTotals>> {
    return this.#totals.values();
  }

  /**
   * Copies of the totals that changed since the last call, by tenant. `withReasons`: also what was
   * lost, and by which rules samples were dropped.
   */
  takeChanged(withReasons: boolean): LedgerTotals[] {
    const changed = [...this.#changed].sort().map((tenant) => {
      const { lost = 0, droppedBy = [], ...counts } = this.#totals.get(tenant)!;
      return withReasons ? { ...counts, lost, droppedBy } : counts;
    });
    this.#changed.clear();
    return changed;
  }

  /** All totals, and the tenants whose totals changed since they were last taken. */
  save(): [LedgerTotals[], string[]] {
    return [[...this.#totals.values()], [...this.#changed]];
  }

  load([totals, changed]: [LedgerTotals[], string[]]): void {
    for (const one of totals) this.#totals.set(one.tenant, one);
    for (const tenant of changed) this.#changed.add(tenant);
  }
}

/** Counts a sample that a rule dropped. */
export function countDropped(totals: LedgerTotals, rule: string, samples = 1): void {
  totals.dropped += samples;
  const known = (totals.droppedBy ??= []);
  let one = known.find(([name]) => name === rule);
  if (one === undefined && known.length >= LEDGER_RULES_MAX) {
    one = known.find(([name]) => name === OTHER_RULES);
  }
  if (one !== undefined) one[1] += samples;
  else known.push([known.length < LEDGER_RULES_MAX ? rule : OTHER_RULES, samples]);
  if (one === undefined) known.sort(byName);
}

/** Counts samples that were acknowledged, and that the log does not have. */
export function countLost(totals: LedgerTotals, samples: number): void {
  totals.accepted += samples;
  totals.lost = (totals.lost ?? 0) + samples;
}

function byName([a]: SamplesByReason, [b]: SamplesByReason): number {
  return a < b ? -1 : 1;
}
