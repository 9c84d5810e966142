import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdentityMemory } from './identity-memory.ts';

const settings = { identityHorizonUs: 1000, identitiesMax: 3000 };
const keyOf = (n: number): Uint32Array => Uint32Array.of(n * 2654435761, n, ~n, n ^ 77);

describe('IdentityMemory', () => {
  it('remembers what its horizon and bound allow, also after being loaded again', () => {
    const step = fc.record({
      many: fc.integer({ min: 0, max: 900 }),
      later: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let memory = new IdentityMemory(settings);
        const pages = new Map<string, Uint8Array>();
        const arrivals: number[] = [];
        let nowUs = 0;
        for (const { many, later } of steps) {
          nowUs += later;
          for (let i = 0; i < many; i += 1) {
            memory.add(keyOf(arrivals.length), 0, nowUs, Uint32Array.of(arrivals.length));
            arrivals.push(nowUs);
          }
          memory.expire(nowUs);
          const changed = new Map<string, Uint8Array | undefined>();
          memory.takePages(changed);
          for (const [key, page] of changed) {
            if (page === undefined) pages.delete(key);
            else pages.set(key, page);
          }
          const loaded = new IdentityMemory(settings);
          loaded.load(memory.bounds, pages);
          loaded.floorUs = memory.floorUs;
          memory = loaded;
          const oldest = Math.max(0, arrivals.length - settings.identitiesMax);
          for (let n = 0; n < arrivals.length; n += 97) {
            const kept = n >= oldest && arrivals[n]! > nowUs - settings.identityHorizonUs;
            const found = memory.find(keyOf(n), 0);
            expect(found >= 0).toBe(kept);
            if (kept) expect([...memory.refusedOf(found)!]).toEqual([n]);
            else expect(memory.floorUs).toBeGreaterThanOrEqual(arrivals[n]!);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
