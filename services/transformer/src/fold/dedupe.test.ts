import { sameValue } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesMemory } from '../memory/series-memory.ts';
import { SeriesDedupe, Verdict } from './dedupe.ts';

const SETTINGS = { rememberedTimesMax: 16, gapsMax: 16, seriesIdleUs: 86_400_000_000 };
const KEYS = Uint32Array.of(1, 2, 3, 4);

function oneSeries(floorUs = -Infinity): (timeUs: number, value?: number) => Verdict {
  const memory = new SeriesMemory(SETTINGS);
  const slot = memory.create(KEYS, 0, floorUs);
  memory.touch(slot, 0);
  const dedupe = new SeriesDedupe(memory, SETTINGS);
  return (timeUs, value = timeUs) => dedupe.decide(slot, timeUs, value, false);
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
      { numRuns: 50 },
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
