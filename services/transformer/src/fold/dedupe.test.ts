import { sameValue } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesMemory } from '../memory/series-memory.ts';
import { SeriesDedupe, Verdict } from './dedupe.ts';

const SETTINGS = { rememberedTimesMax: 16, gapsMax: 16, seriesIdleUs: 86_400_000_000 };
const KEYS = Uint32Array.of(1, 2, 3, 4);

function oneSeries(floorUs = -Infinity): (timeUs: number, value?: number) => Verdict {
  const { slot, dedupe } = newSeries({ floorUs });
  return (timeUs, value = timeUs) => dedupe.decide(slot, timeUs, value, false);
}

function newSeries({ floorUs = -Infinity, width = 16 }: { floorUs?: number; width?: number }): {
  slot: number;
  dedupe: SeriesDedupe;
} {
  const memory = new SeriesMemory({ ...SETTINGS, rememberedTimesMax: width });
  const slot = memory.create(KEYS, 0, floorUs);
  memory.touch(slot, 0);
  return { slot, dedupe: new SeriesDedupe(memory, SETTINGS) };
}

describe('SeriesDedupe', () => {
  it('never calls a repeated sample fresh, nor a first one a duplicate', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 2 }))),
        (arrivals) => {
          const decide = oneSeries();
          const known = new Map<number, number>();
          for (const [timeUs, value] of arrivals) {
            const verdict = decide(timeUs, value);
            const before = known.get(timeUs);
            if (before === undefined) {
              expect([Verdict.fresh, Verdict.unverified]).toContain(verdict);
              if (verdict === Verdict.fresh) known.set(timeUs, value);
            } else {
              const exact = sameValue(before, value) ? Verdict.duplicate : Verdict.conflict;
              expect([exact, Verdict.unverified]).toContain(verdict);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps the newest gaps, as many as the settings say by then', () => {
    const settings = { ...SETTINGS, rememberedTimesMax: 4 };
    const memory = new SeriesMemory(settings);
    const slot = memory.create(KEYS, 0, 0);
    memory.touch(slot, 0);
    const dedupe = new SeriesDedupe(memory, settings);
    const decide = (timeUs: number): Verdict => dedupe.decide(slot, timeUs, 1, false);
    // Ten steps of one, then a hole of five, and so on.
    const arrive = (from: number, to: number): void => {
      for (let timeUs = from; timeUs < to; timeUs += 1) if (timeUs % 15 < 10) decide(timeUs);
    };
    arrive(1, 130);
    const gaps = (): number[] => memory.gaps.get(slot)!;
    expect(gaps().length).toBeGreaterThan(6);
    settings.gapsMax = 2;
    const newest = gaps().slice(-2);
    arrive(130, 145);
    expect(gaps()).toHaveLength(4);
    expect(gaps().slice(0, 2)).toEqual(newest);
    expect([decide(13), decide(newest[0]! + 1)]).toEqual([Verdict.unverified, Verdict.fresh]);
  });

  it('tells all samples of a backlog that sixteen senders drain with stuck requests', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => {
        const arrivals = drainBacklog(seed, { samples: 2000, senders: 16, stuckShare: 0.02 });
        const decide = oneSeries();
        const verdicts = arrivals.map((timeUs) => decide(timeUs));
        expect(verdicts.filter((verdict) => verdict !== Verdict.fresh)).toEqual([]);
        // What still is remembered is recognised when it comes again.
        for (const timeUs of arrivals.slice(-10)) expect(decide(timeUs)).not.toBe(Verdict.fresh);
      }),
      { numRuns: 300 },
    );
  });

  it('takes samples older than the first one it saw, each once', () => {
    const decide = oneSeries();
    for (let i = 100; i < 140; i += 1) expect(decide(i)).toBe(Verdict.fresh);
    expect(decide(50)).toBe(Verdict.fresh);
    expect(decide(51)).toBe(Verdict.fresh);
    expect(decide(50)).toBe(Verdict.unverified);
  });

  it('calls nothing new below the floor it was created with', () => {
    const decide = oneSeries(1000);
    expect(decide(1000)).toBe(Verdict.unverified);
    expect(decide(1001)).toBe(Verdict.fresh);
  });
});

describe('the neighbours of a fresh sample', () => {
  const arrival = fc.record({ timeUs: fc.nat(60), isValueless: fc.boolean() });

  it('are the nearest samples that have a value, as far as they are remembered', () => {
    const params = [fc.array(arrival, { maxLength: 60 }), fc.constantFrom(1, 2, 5, 31)] as const;
    fc.assert(
      fc.property(...params, (arrivals, width) => {
        const { slot, dedupe } = newSeries({ width });
        const known = new Map<number, boolean>();
        for (const { timeUs, isValueless } of arrivals) {
          const value = isValueless ? NaN : timeUs;
          const verdict = dedupe.decide(slot, timeUs, value, isValueless);
          if (known.has(timeUs)) expect(verdict).not.toBe(Verdict.fresh);
          if (verdict !== Verdict.fresh) continue;
          const { inGap, previousTimeUs, previousValue, nextTimeUs, nextValue } = dedupe.neighbours;
          const times = [...known.keys()].sort((a, b) => a - b);
          known.set(timeUs, isValueless);
          if (inGap) continue;
          const withValue = times.filter((time) => !known.get(time));
          const before = withValue.findLast((time) => time < timeUs);
          const after = withValue.find((time) => time > timeUs);
          expect(nextTimeUs).toBe(after ?? NaN);
          expect(nextValue).toBe(after ?? NaN);
          const remembered = times.slice(-width);
          const isRemembered = before !== undefined && remembered.includes(before);
          if (isRemembered) expect([previousTimeUs, previousValue]).toEqual([before, before]);
          // One that fell into a gap meanwhile is not remembered: the one before it stands.
          else if (!Number.isNaN(previousValue)) {
            expect(withValue.filter((time) => time < timeUs)).toContain(previousValue);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('tell a stale marker, a histogram and a value at one time apart', () => {
    const { slot, dedupe } = newSeries({});
    expect(dedupe.decide(slot, 1, NaN, true)).toBe(Verdict.fresh);
    expect(dedupe.decide(slot, 1, NaN, true)).toBe(Verdict.duplicate);
    expect(dedupe.decide(slot, 1, NaN, false)).toBe(Verdict.conflict);
    expect(dedupe.decide(slot, 2, 77, true)).toBe(Verdict.fresh);
    expect(dedupe.decide(slot, 2, 77, true)).toBe(Verdict.duplicate);
    expect(dedupe.decide(slot, 2, 78, true)).toBe(Verdict.conflict);
    expect(dedupe.decide(slot, 2, 77, false)).toBe(Verdict.conflict);
    expect(dedupe.decide(slot, 3, -0, false)).toBe(Verdict.fresh);
    expect(dedupe.decide(slot, 3, 0, false)).toBe(Verdict.duplicate);
    expect(dedupe.neighbours.previousValue).toBeNaN();
  });

  it('give a sample without a time the next microsecond that is free', () => {
    const { slot, dedupe } = newSeries({});
    for (const timeUs of [5, 6, 8]) dedupe.decide(slot, timeUs, 0, false);
    expect([4, 5, 6, 7, 8, 9].map((timeUs) => dedupe.freeTime(slot, timeUs))).toEqual([
      4, 7, 7, 7, 9, 9,
    ]);
  });
});

/**
 * Arrival order of one series' samples when senders take turns and some requests get stuck:
 * a stuck one arrives up to two hundred samples later.
 */
function drainBacklog(
  seed: number,
  shape: Readonly<{ samples: number; senders: number; stuckShare: number }>,
): number[] {
  let state = seed >>> 0;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const arrivals = Array.from({ length: shape.samples }, (_, i) => {
    const stuck = random() < shape.stuckShare ? 20 + random() * 180 : 0;
    return { timeUs: (i + 1) * 10_000_000, at: i + random() * shape.senders + stuck };
  });
  // Gaps are bounded: no more than the newest sixteen may be open at a time.
  return arrivals.sort((a, b) => a.at - b.at).map(({ timeUs }) => timeUs);
}
