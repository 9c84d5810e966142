import type { LedgerTotals } from '@millrace/model';

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

  /** Copies of the totals that changed since the last call, by tenant. */
  takeChanged(): LedgerTotals[] {
    const changed = [...this.#changed].sort().map((tenant) => ({ ...this.#totals.get(tenant)! }));
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
