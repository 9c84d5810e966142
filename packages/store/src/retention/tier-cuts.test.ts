import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstGap, type Coverage } from '../testing/first-gap.ts';
import { commonStepUs, tierCuts, type Tier } from './tier-cuts.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;
const DAY_US = 24 * HOUR_US;

/** Ascending widths, some of which do not fit into one another. */
const widths = fc
  .uniqueArray(
    fc.oneof(
      fc.constantFrom(MINUTE_US, 5 * MINUTE_US, HOUR_US, DAY_US, 7 * DAY_US, 31 * DAY_US),
      fc.integer({ min: 1, max: 31 * 86_400 }).map((seconds) => seconds * 1_000_000),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((some) => some.toSorted((a, b) => a - b));

const NOW_US = 20_000 * DAY_US;

/** Time goes on, windows become final or stand still, and people change their minds. */
const steps = fc.array(
  fc.record({
    laterUs: fc.integer({ min: 0, max: 40 * 86_400 }).map((seconds) => seconds * 1_000_000),
    keepUs: fc.array(
      fc.integer({ min: 1, max: 60 * 24 }).map((hours) => hours * HOUR_US),
      {
        minLength: 6,
        maxLength: 6,
      },
    ),
    /** How far behind now the smallest watermark is, at most; it never goes back. */
    behindUs: fc.integer({ min: 0, max: 50 * 86_400 }).map((seconds) => seconds * 1_000_000),
  }),
  { minLength: 1, maxLength: 8 },
);

describe('cuts', () => {
  test('never open a gap, and lie where wider windows begin, whatever happens in between', () => {
    fc.assert(
      fc.property(widths, steps, (widthsUs, all) => {
        const tiersOf = [undefined, ...widthsUs];
        const cutsUs = tiersOf.map(() => -Infinity);
        let nowUs = NOW_US;
        let watermarkUs = -Infinity;
        for (const { laterUs, keepUs, behindUs } of all) {
          nowUs += laterUs;
          watermarkUs = Math.max(watermarkUs, nowUs - behindUs);
          const finalOf = (widthUs: number | undefined): number =>
            widthUs === undefined ? Infinity : Math.floor(watermarkUs / widthUs) * widthUs;
          const tiers = tiersOf.map((widthUs, i): Tier => {
            return { widthUs, keepUs: keepUs[i]!, finalUntilUs: finalOf(widthUs) };
          });
          tierCuts(nowUs, tiers).forEach(({ cutUs }, i) => {
            // What is deleted stays so.
            cutsUs[i] = Math.max(cutsUs[i]!, cutUs);
            const next = widthsUs[i];
            if (next !== undefined && Number.isFinite(cutUs)) expect(cutUs % next).toBe(0);
          });
          const covered = tiers.map(({ widthUs }, i): Coverage => {
            return {
              fromUs: cutsUs[i]!,
              untilUs: widthUs === undefined ? nowUs : finalOf(widthUs),
            };
          });
          expect(firstGap(covered)).toBeUndefined();
          // Up to now there is something, unless nothing is kept so long.
          expect(Math.max(...covered.map(({ untilUs }) => untilUs))).toBe(nowUs);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('would open one where the next wider windows were only due, or not looked at', () => {
    const tiers = (finalUntilUs: number): Tier[] => [
      { widthUs: undefined, keepUs: DAY_US, finalUntilUs: Infinity },
      { widthUs: HOUR_US, keepUs: 30 * DAY_US, finalUntilUs },
    ];
    const covered = (cutUs: number, untilUs: number): Coverage[] => [
      { fromUs: cutUs, untilUs: NOW_US },
      { fromUs: NOW_US - 30 * DAY_US, untilUs },
    ];
    const standsUs = NOW_US - 9 * DAY_US;
    const [byAge] = tierCuts(NOW_US, tiers(Infinity));
    expect(firstGap(covered(byAge!.cutUs, standsUs))).toEqual({
      fromUs: standsUs,
      untilUs: NOW_US - DAY_US,
    });
    const [right] = tierCuts(NOW_US, tiers(standsUs));
    expect(right).toEqual({
      ...{ cutUs: standsUs, dueUs: NOW_US - DAY_US },
      ...{ heldByUs: HOUR_US, replacedByUs: HOUR_US },
    });
    expect(firstGap(covered(right!.cutUs, standsUs))).toBeUndefined();
  });

  test('lie where windows of all wider widths begin, as long as that is not too rare', () => {
    expect(commonStepUs([5 * MINUTE_US, HOUR_US])).toBe(DAY_US);
    expect(commonStepUs([HOUR_US, 7 * DAY_US])).toBe(7 * DAY_US);
    expect(commonStepUs([7 * HOUR_US])).toBe(7 * DAY_US);
    expect(commonStepUs([7 * DAY_US, 31 * DAY_US])).toBe(217 * DAY_US);
    // Days and 1009 minutes begin together every 1009 days.
    expect(commonStepUs([1009 * MINUTE_US])).toBe(1009 * MINUTE_US);
    expect(commonStepUs([])).toBe(DAY_US);
  });
});

describe('a gap', () => {
  /** Hour by hour. */
  function slowGap(coverages: readonly Coverage[]): boolean {
    const has = (hour: number): boolean =>
      coverages.some(({ fromUs, untilUs }) => fromUs <= hour && hour + 1 <= untilUs);
    const hours = Array.from({ length: 30 }, (_, hour) => has(hour));
    return hours.slice(hours.indexOf(true), hours.lastIndexOf(true) + 1).includes(false);
  }

  test('is a stretch without anything between stretches with something', () => {
    const hour = fc.integer({ min: 0, max: 30 });
    const stretch = fc.record({ fromUs: hour, untilUs: hour });
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 6 }), (coverages) => {
        expect(firstGap(coverages) !== undefined).toBe(slowGap(coverages));
      }),
      { numRuns: 500 },
    );
  });
});
