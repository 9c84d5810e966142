import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DefinitionMemory, type DefinitionHint } from './definition-memory.ts';

const DAY_US = 86_400_000_000;
const KEYS = Uint32Array.from({ length: 4 * 200 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

/** Commits what changed and loads it anew. */
function reloaded(
  memory: DefinitionMemory,
  max: number,
  pages: Map<string, Uint8Array>,
): DefinitionMemory {
  const changed = new Map<string, Uint8Array | undefined>();
  memory.takePages(changed);
  for (const [key, page] of changed) {
    if (page === undefined) pages.delete(key);
    else pages.set(key, page);
  }
  expect(pages.size).toBe(Math.ceil(memory.end / 64));
  const loaded = new DefinitionMemory({ definitionsMax: max });
  loaded.load(memory.end, pages);
  return loaded;
}

describe('DefinitionMemory', () => {
  it('asks for the same definitions with and without restarts and hints', () => {
    const sight = fc.record({
      series: fc.nat(199),
      kind: fc.nat(1),
      laterUs: fc.oneof(fc.constant(0), fc.nat(DAY_US / 2)),
      reload: fc.boolean(),
    });
    const params = [fc.array(sight, { maxLength: 200 }), fc.integer({ min: 1, max: 220 })] as const;
    fc.assert(
      fc.property(...params, (sights, max) => {
        const plain = new DefinitionMemory({ definitionsMax: max });
        let other = new DefinitionMemory({ definitionsMax: max });
        const pages = new Map<string, Uint8Array>();
        let hints = new Map<number, DefinitionHint>();
        let nowUs = 1.7e15;
        for (const { series, kind, laterUs, reload } of sights) {
          nowUs += laterUs;
          const hint = hints.get(series) ?? { definitionSlot: -1 };
          hints.set(series, hint);
          const due = plain.isDue(KEYS, 4 * series, kind, nowUs, { definitionSlot: -1 });
          expect(other.isDue(KEYS, 4 * series, kind, nowUs, hint)).toBe(due);
          if (!reload) continue;
          other = reloaded(other, max, pages);
          hints = new Map();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('defines a series on first sight, daily, and when its kind changes', () => {
    const memory = new DefinitionMemory({ definitionsMax: 100 });
    const hint = { definitionSlot: -1 };
    const isDue = (kind: number, day: number): boolean =>
      memory.isDue(KEYS, 0, kind, day * DAY_US, hint);
    expect([isDue(0, 1), isDue(0, 1), isDue(0, 2), isDue(1, 2), isDue(1, 2)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  it('spreads the daily repetition over the day', () => {
    const memory = new DefinitionMemory({ definitionsMax: 300 });
    const dueAt = (nowUs: number): number =>
      Array.from({ length: 200 }, (_, i) =>
        memory.isDue(KEYS, 4 * i, 0, nowUs, { definitionSlot: -1 }),
      ).filter(Boolean).length;
    expect(dueAt(0)).toBe(200);
    const byHour = Array.from({ length: 24 }, (_, hour) => dueAt((hour * DAY_US) / 24));
    expect(byHour.reduce((a, b) => a + b)).toBeGreaterThan(150);
    expect(Math.max(...byHour)).toBeLessThan(40);
  });

  it('refuses a state that lacks a page', () => {
    expect(() => new DefinitionMemory({ definitionsMax: 100 }).load(65, new Map())).toThrow(
      expect.objectContaining({ code: 'STATE_INCOMPLETE' }),
    );
  });
});
