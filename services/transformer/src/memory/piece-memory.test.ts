import { ExponentialHistogram, HyperLogLog, PieceInputs } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceField, PieceMemory, type WindowKey } from './piece-memory.ts';

const SECOND = 1_000_000;

/** Output series by number. */
const FINGERPRINTS = Array.from({ length: 4 }, (_, n) =>
  Uint8Array.from({ length: 16 }, (_byte, i) => (Math.imul(n + 1, 0x9e3779b1) >>> i) & 0xff),
);
const KEYS = FINGERPRINTS.map((fingerprint) => new Uint32Array(fingerprint.buffer));

function commit(memory: PieceMemory, pages: Map<string, Uint8Array>): PieceMemory {
  const changed = new Map<string, Uint8Array | undefined>();
  memory.takePages(changed);
  for (const [key, page] of changed) pages.set(key, page!);
  const loaded = new PieceMemory();
  loaded.load(memory.extent, pages);
  return loaded;
}

describe('PieceMemory', () => {
  const windowKey = fc.record({
    edition: fc.integer({ min: 1, max: 3 }),
    widthUs: fc.constantFrom(SECOND, 7 * SECOND, 31 * 86_400 * SECOND),
    startUs: fc.integer({ min: -3, max: 3 }).map((n) => n * 2 ** 32 * SECOND),
  });
  const step = fc.record({
    series: fc.nat(3),
    window: windowKey,
    remove: fc.boolean(),
    reload: fc.boolean(),
  });

  it('finds what a map would find, also from pages, from 7000 BC to 9000 AD', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let memory = new PieceMemory();
        const pages = new Map<string, Uint8Array>();
        const known = new Map<string, number>();
        let turns = 0;
        for (const { series, window, remove, reload } of steps) {
          const key = JSON.stringify([series, window]);
          const slot = memory.find(KEYS[series]!, 0, window);
          const turn = slot < 0 ? undefined : memory.field(slot, PieceField.turn);
          expect(turn).toBe(known.get(key));
          if (slot < 0) {
            const opened = memory.open(KEYS[series]!, 0, window, turns + 100);
            expect(memory.field(opened, PieceField.name)).toBe(turns + 100);
            known.set(key, turns);
            turns += 1;
          } else if (remove) {
            memory.remove(slot);
            known.delete(key);
          }
          if (reload) memory = commit(memory, pages);
          expect(memory.size).toBe(known.size);
        }
        const inTurn = memory.inTurn(memory.used());
        expect(inTurn.map((slot) => memory.field(slot, PieceField.turn))).toEqual(
          [...known.values()].sort((a, b) => a - b),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('brings every number and sketch back from pages, and only of pieces that are open', () => {
    const memory = new PieceMemory();
    const pages = new Map<string, Uint8Array>();
    const window: WindowKey = { edition: 2, widthUs: SECOND, startUs: 0 };
    const slots = Array.from({ length: 200 }, (_, i) =>
      memory.open(KEYS[0]!, 0, { ...window, startUs: i * SECOND }, i),
    );
    for (const slot of slots) {
      for (let field = 5; field < 16; field += 1) {
        memory.numbers.data[16 * slot + field] = slot + field / 100;
      }
      const histogram = ExponentialHistogram.empty();
      histogram.add(slot + 1);
      memory.histograms.set(slot, histogram);
      const distinct = HyperLogLog.empty();
      distinct.addNumber(slot);
      memory.distincts.set(slot, distinct);
      const inputs = PieceInputs.empty();
      inputs.set(FINGERPRINTS[1]!, 0, slot, 1);
      memory.inputs.set(slot, inputs);
      if (slot % 3 === 0) memory.mark(slot);
    }
    commit(memory, pages);
    memory.remove(slots[70]!);
    memory.touch(slots[71]!, 5, 6);
    memory.settle(slots[72]!);
    memory.touch(slots[190]!, 7, 8);
    const loaded = commit(memory, pages);
    expect(loaded.used()).toEqual(memory.used());
    for (const slot of memory.used()) {
      for (let field = 0; field < 16; field += 1) {
        expect(loaded.field(slot, field)).toBe(memory.field(slot, field));
      }
      expect(loaded.fingerprint(slot)).toEqual(FINGERPRINTS[0]);
      expect(loaded.isMarked(slot)).toBe(memory.isMarked(slot));
      expect(loaded.isChanged(slot)).toBe(memory.isChanged(slot));
      expect(loaded.histograms.get(slot)!.encode()).toEqual(memory.histograms.get(slot)!.encode());
      expect(loaded.distincts.get(slot)!.encode()).toEqual(memory.distincts.get(slot)!.encode());
      expect(loaded.inputs.get(slot)!.encode()).toEqual(memory.inputs.get(slot)!.encode());
    }
    expect(loaded.histograms.has(slots[70]!)).toBe(false);
    // A slot that is used again starts with nothing of the one before.
    const again = loaded.open(KEYS[1]!, 0, window, 5);
    expect(again).toBe(slots[70]);
    expect([loaded.field(again, PieceField.count), loaded.isMarked(again)]).toEqual([0, false]);
    expect(loaded.field(again, PieceField.turn)).toBe(200);
  });

  it('refuses a state that lacks a page', () => {
    expect(() => new PieceMemory().load([1, 1], new Map())).toThrow(/page p0 is missing/);
  });
});
