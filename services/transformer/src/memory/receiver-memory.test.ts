import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiverMemory, RECEIVERS_MAX } from './receiver-memory.ts';

const HORIZON_US = 1000;

/** The same memory, as it comes back from a state. */
function reloaded(memory: ReceiverMemory): ReceiverMemory {
  const loaded = new ReceiverMemory({ identityHorizonUs: HORIZON_US });
  loaded.load(structuredClone(memory.save()).toReversed());
  return loaded;
}

describe('ReceiverMemory', () => {
  it('recognises what a set would, while no more is open than a receiver may have', () => {
    const arrival = fc.record({
      receiver: fc.constantFrom('a', 'b'),
      sequence: fc.integer({ min: 1, max: 60 }),
      reload: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 150 }), (arrivals) => {
        let memory = new ReceiverMemory({ identityHorizonUs: HORIZON_US });
        const seen = new Set<string>();
        for (const { receiver, sequence, reload } of arrivals) {
          const key = `${receiver}/${sequence}`;
          const isNew = memory.note({ receiver, sequence, cumulativeSamples: 1 }, 0);
          expect(isNew).toBe(!seen.has(key));
          seen.add(key);
          if (reload) memory = reloaded(memory);
        }
      }),
    );
  });

  it('holds a receiver that left many holes in little memory', () => {
    const memory = new ReceiverMemory({ identityHorizonUs: HORIZON_US });
    const note = (sequence: number): boolean =>
      memory.note({ receiver: 'a', sequence, cumulativeSamples: 1 }, 0);
    for (let sequence = 1; sequence <= 2000; sequence += 2) expect(note(sequence)).toBe(true);
    expect(memory.save()[0]![1].length).toBeLessThanOrEqual(128);
    // The newest holes are still open, the oldest ones were given up.
    expect(note(1998)).toBe(true);
    expect(note(2)).toBe(false);
  });

  it('forgets the silent ones, and the oldest above the bound by name, in whatever order', () => {
    let memory = new ReceiverMemory({ identityHorizonUs: HORIZON_US });
    const note = (receiver: string, atUs: number): boolean =>
      memory.note({ receiver, sequence: 1, cumulativeSamples: 1 }, atUs);
    for (let i = 0; i < RECEIVERS_MAX; i += 1) note(`r${1000 + i}`, 5);
    memory = reloaded(memory);
    note('z', 6);
    expect(note('r1001', 7)).toBe(false);
    expect(note('r1000', 7)).toBe(true);
    memory.expire(5 + HORIZON_US);
    expect(note('r1500', 5 + HORIZON_US)).toBe(true);
    expect(note('z', 5 + HORIZON_US)).toBe(false);
  });
});
