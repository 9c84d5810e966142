import { describe, expect, it } from 'vitest';
import { LedgerMemory } from './ledger-memory.ts';

describe('LedgerMemory', () => {
  it('gives totals that changed once, by tenant, also after being loaded again', () => {
    const ledger = new LedgerMemory();
    for (const tenant of ['b', 'a']) ledger.of(tenant).accepted += 2;
    const loaded = new LedgerMemory();
    loaded.load(structuredClone(ledger.save()));
    const taken = loaded.takeChanged(true);
    expect(taken.map(({ tenant, accepted }) => [tenant, accepted])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    loaded.of('b').stored += 1;
    expect(taken[1]!.stored).toBe(0);
    const again = new LedgerMemory();
    again.load(structuredClone(loaded.save()));
    expect(again.takeChanged(true).map(({ tenant }) => tenant)).toEqual(['b']);
    expect(again.takeChanged(true)).toEqual([]);
  });

  it('begins anew when it is reset', () => {
    const ledger = new LedgerMemory();
    ledger.of('a').accepted += 2;
    ledger.reset();
    expect([ledger.takeChanged(true), [...ledger.all()]]).toEqual([[], []]);
    expect(ledger.of('a').accepted).toBe(0);
  });
});
