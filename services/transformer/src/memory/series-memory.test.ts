import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesDedupe } from '../fold/dedupe.ts';
import { SeriesMemory } from './series-memory.ts';

const SECOND = 1_000_000;
const SETTINGS = { rememberedTimesMax: 4, gapsMax: 2, seriesIdleUs: 30 * SECOND };
const KEYS = Uint32Array.from({ length: 4 * 150 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

/** One run over arrivals, as the fold makes it. */
class Run {
  memory = new SeriesMemory(SETTINGS);
  readonly pages = new Map<string, Uint8Array>();
  readonly forgotten: number[] = [];

  arrive(series: number, timeUs: number, nowUs: number): unknown[] {
    const k = 4 * series;
    let slot = this.memory.index.find(KEYS[k]!, KEYS[k + 1]!, KEYS[k + 2]!, KEYS[k + 3]!);
    if (slot < 0) slot = this.memory.create(KEYS, k, -Infinity);
    this.memory.touch(slot, nowUs);
    const dedupe = new SeriesDedupe(this.memory, SETTINGS);
    const verdict = dedupe.decide(slot, timeUs, timeUs, timeUs % 7 === 0);
    return [verdict, { ...dedupe.neighbours }];
  }

  reload(): void {
    const changed = new Map<string, Uint8Array | undefined>();
    this.memory.takePages(changed);
    for (const [key, page] of changed) this.pages.set(key, page!);
    const loaded = new SeriesMemory(SETTINGS);
    loaded.load(this.memory.slotsEnd, this.pages);
    this.memory = loaded;
  }
}

describe('SeriesMemory', () => {
  it('decides and forgets the same with and without being loaded again', () => {
    const arrival = fc.record({
      series: fc.nat(149),
      timeUs: fc.nat(60),
      laterSeconds: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(20)),
      what: fc.constantFrom('arrive', 'arrive', 'arrive', 'idle', 'bound', 'reload'),
    });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 150 }), (arrivals) => {
        const plain = new Run();
        const other = new Run();
        let nowUs = 1000 * SECOND;
        for (const { series, timeUs, laterSeconds, what } of arrivals) {
          nowUs += laterSeconds * SECOND;
          if (what === 'arrive') {
            // Few series get most of the samples: their times pass below the floor.
            const s = series < 120 ? series % 3 : series;
            expect(other.arrive(s, timeUs, nowUs)).toEqual(plain.arrive(s, timeUs, nowUs));
          } else if (what === 'idle') {
            const second = nowUs / SECOND;
            expect(other.memory.forgetIdle(second)).toBe(plain.memory.forgetIdle(second));
          } else if (what === 'bound' && plain.memory.size > 8) {
            expect(other.memory.forgetOldest(8)).toBe(plain.memory.forgetOldest(8));
            expect(plain.memory.size).toBeLessThanOrEqual(8);
          } else if (what === 'reload') other.reload();
          expect(other.memory.size).toBe(plain.memory.size);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('forgets a series when it was idle for long enough, and tells its newest time', () => {
    const run = new Run();
    run.arrive(1, 77, 1000 * SECOND);
    run.arrive(2, 99, 1010 * SECOND);
    expect(run.memory.forgetIdle(1029)).toBe(-Infinity);
    expect(run.memory.forgetIdle(1030)).toBe(77);
    run.arrive(2, 98, 1030 * SECOND);
    expect(run.memory.forgetIdle(1059)).toBe(-Infinity);
    expect(run.memory.forgetIdle(1060)).toBe(99);
    expect(run.memory.size).toBe(0);
  });

  it('gives a slot away with nothing of the series before', () => {
    const run = new Run();
    const cleared: number[] = [];
    run.memory.onForget = (slot) => cleared.push(slot);
    for (const timeUs of [10, 20, 30, 90, 100, 110, 120, 130, 140]) run.arrive(1, timeUs, 0);
    expect(run.memory.gaps.size).toBe(1);
    run.memory.forgetIdle(Infinity);
    expect(cleared).toEqual([0]);
    expect(run.memory.gaps.size).toBe(0);
    run.reload();
    expect(run.arrive(5, 50, 0)[0]).toBe(0);
    expect(run.memory.slotsEnd).toBe(1);
    expect(run.memory.count.data[0]).toBe(1);
  });

  it('refuses a state that lacks a page', () => {
    expect(() => new SeriesMemory(SETTINGS).load(1, new Map())).toThrow(/page s0 is missing/);
  });
});
