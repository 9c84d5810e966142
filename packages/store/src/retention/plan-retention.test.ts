import type { RetentionWords } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FINAL_AFTER_US,
  planRetention,
  type RetainedEdition,
  type RetainedRange,
  type RetentionFacts,
} from './plan-retention.ts';
import { rawKeptMs, RETENTION_DEFAULTS, windowsKeptMs } from './retention-policy.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;
const DAY_US = 24 * HOUR_US;
const DAY_MS = 86_400_000;
const NOW_US = 20_000 * DAY_US + 7 * HOUR_US;

const days = fc.integer({ min: 1, max: 60 });
const keptMs = days.map((some) => some * DAY_MS);
const kept = fc.record({
  allMs: keptMs,
  byWidth: fc.array(fc.record({ widthUs: fc.constantFrom(MINUTE_US, HOUR_US), keepMs: keptMs }), {
    maxLength: 1,
  }),
});
const words: fc.Arbitrary<RetentionWords> = fc.record({
  rules: fc.array(fc.record({ rule: fc.constantFrom('rollup', 'r'), kept }), { maxLength: 2 }),
  tenants: fc.uniqueArray(
    fc.record({
      tenant: fc.constantFrom('gold', 'free'),
      rawMs: keptMs,
      narrowMs: keptMs,
      rules: fc.array(fc.record({ rule: fc.constantFrom('r'), kept }), { maxLength: 1 }),
    }),
    { selector: ({ tenant }) => tenant, maxLength: 2 },
  ),
});
const editions = fc.tuple(
  fc.record({ rule: fc.constant('rollup'), widthsUs: fc.constant([5 * MINUTE_US, HOUR_US]) }),
  fc.record({
    rule: fc.constant('r'),
    widthsUs: fc.constantFrom(
      [MINUTE_US, HOUR_US, 7 * DAY_US],
      [HOUR_US],
      [MINUTE_US, 7 * HOUR_US],
    ),
  }),
);
const facts: fc.Arbitrary<RetentionFacts> = fc
  .record({
    behindDays: fc.integer({ min: 0, max: 70 }),
    some: editions,
    openDays: fc.array(fc.option(days, { nil: undefined }), { minLength: 8, maxLength: 8 }),
    isFolding: fc.boolean(),
  })
  .map(({ behindDays, some, openDays, isFolding }) => ({
    nowUs: NOW_US,
    smallestWatermarkUs: NOW_US - behindDays * DAY_US,
    notedTenants: ['old'],
    ranges: Array.from({ length: 80 }, (_, age) => rangesOf(age)).flat(),
    editions: some.map(({ rule, widthsUs }, i): RetainedEdition => {
      return {
        ...{ edition: i + 7, rule, widthsUs },
        ...{ isServed: rule === 'rollup' || !isFolding, isFolding: rule === 'r' && isFolding },
        openFromUs: widthsUs.map((widthUs, j) => {
          const age = openDays[i * 4 + j];
          return age === undefined ? undefined : floor(NOW_US - age * DAY_US, widthUs);
        }),
      };
    }),
  }));

function rangesOf(age: number): RetainedRange[] {
  const fromUs = floor(NOW_US, DAY_US) - age * DAY_US;
  const span = { fromUs, untilUs: fromUs + DAY_US };
  return [
    { name: `samples ${age}`, table: 'samples', widthUs: undefined, ...span },
    { name: `narrow ${age}`, table: 'windows_narrow', widthUs: undefined, ...span },
    { name: `wide ${age}`, table: 'windows_wide', widthUs: undefined, ...span },
  ];
}

function floor(timeUs: number, stepUs: number): number {
  return Math.floor(timeUs / stepUs) * stepUs;
}

/** Whether a plan deletes the row of this kind at a time, in whichever way. */
function isDeleted(
  plan: ReturnType<typeof planRetention>,
  row: Readonly<{ edition?: number; widthUs?: number; whose: string; timeUs: number }>,
): boolean {
  const table =
    row.widthUs === undefined
      ? 'samples'
      : row.widthUs < HOUR_US
        ? 'windows_narrow'
        : 'windows_wide';
  const whose = plan.tenants.includes(row.whose) ? row.whose : undefined;
  return plan.ranges.some(({ range, action, rows }) => {
    if (range.table !== table || row.timeUs < range.fromUs || row.timeUs >= range.untilUs)
      return false;
    if (action === 'drop') return true;
    return rows.some(
      (one) =>
        one.edition === row.edition &&
        one.widthUs === row.widthUs &&
        one.whose === whose &&
        row.timeUs < one.cutUs,
    );
  });
}

describe('a plan', () => {
  test('deletes no row that somebody wants, or that nothing final replaces', () => {
    const ages = [0, 1, 2, 3, 7, 20, 33, 45, 59, 61, 75];
    fc.assert(
      fc.property(facts, words, words, (known, one, other) => {
        const policy = { defaults: RETENTION_DEFAULTS, words: [one, other] };
        const plan = planRetention(known, policy);
        const { smallestWatermarkUs } = known;
        const isFinal = (edition: RetainedEdition, i: number, timeUs: number): boolean => {
          const widthUs = edition.widthsUs[i]!;
          const startUs = floor(timeUs, widthUs);
          const isOver = startUs + widthUs + FINAL_AFTER_US <= smallestWatermarkUs;
          return isOver && !edition.isFolding && !((edition.openFromUs[i] ?? Infinity) <= startUs);
        };
        for (const whose of ['gold', 'free', 'old', 'nobody']) {
          for (const age of ages) {
            const timeUs = NOW_US - age * DAY_US - HOUR_US;
            const [rollup] = known.editions;
            if (isDeleted(plan, { whose, timeUs })) {
              expect(NOW_US - timeUs).toBeGreaterThan(rawKeptMs(policy, whose) * 1000);
              expect(isFinal(rollup!, 0, timeUs)).toBe(true);
            }
            for (const edition of known.editions) {
              const { rule, widthsUs } = edition;
              widthsUs.forEach((widthUs, i) => {
                const startUs = floor(timeUs, widthUs);
                const row = { edition: edition.edition, widthUs, whose, timeUs: startUs };
                if (!isDeleted(plan, row)) return;
                const keepUs = windowsKeptMs(policy, { rule, widthUs, whose }) * 1000;
                expect(NOW_US - startUs).toBeGreaterThan(keepUs);
                if (i + 1 < widthsUs.length) expect(isFinal(edition, i + 1, startUs)).toBe(true);
              });
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('deletes what nobody wants, a week and a day after that at the latest', () => {
    fc.assert(
      fc.property(facts, words, (known, one) => {
        const settled = {
          ...known,
          smallestWatermarkUs: NOW_US,
          editions: known.editions.map((edition) => {
            return {
              ...edition,
              isFolding: false,
              openFromUs: edition.widthsUs.map(() => undefined),
            };
          }),
        };
        const policy = { defaults: RETENTION_DEFAULTS, words: [one] };
        const plan = planRetention(settled, policy);
        for (const whose of ['gold', 'nobody']) {
          const timeUs = NOW_US - rawKeptMs(policy, whose) * 1000 - 2 * DAY_US;
          expect(isDeleted(plan, { whose, timeUs })).toBe(true);
          const narrow = { rule: 'rollup', widthUs: 5 * MINUTE_US, whose };
          const startUs = NOW_US - windowsKeptMs(policy, narrow) * 1000 - 8 * DAY_US;
          const row = { edition: 7, widthUs: narrow.widthUs, whose, timeUs: startUs };
          expect(isDeleted(plan, row)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('says what waits, and why', () => {
    const edition = {
      ...{ edition: 7, rule: 'rollup', widthsUs: [5 * MINUTE_US, HOUR_US], isServed: true },
      ...{ isFolding: false, openFromUs: [undefined, undefined] },
    };
    const of = { nowUs: NOW_US, notedTenants: [], ranges: [], editions: [edition] };
    const policy = { defaults: RETENTION_DEFAULTS, words: [] };
    const why = (more: Partial<RetentionFacts>) =>
      planRetention({ ...of, smallestWatermarkUs: NOW_US, ...more }, policy).rows.map(
        ({ waitsFor }) => waitsFor,
      );
    const rest = [undefined, undefined];
    expect(why({})).toEqual([undefined, ...rest]);
    expect(why({ smallestWatermarkUs: NOW_US - 10 * DAY_US })).toEqual(['partitions', ...rest]);
    const open = { ...edition, openFromUs: [NOW_US - 20 * DAY_US, undefined] };
    expect(why({ editions: [open] })).toEqual(['open windows', ...rest]);
    const folding = { ...edition, isFolding: true };
    expect(why({ editions: [folding] })).toEqual(['jobs', 'jobs', undefined]);
    // Without any roll-up raw samples simply end.
    expect(why({ editions: [], smallestWatermarkUs: -Infinity })).toEqual([undefined]);
  });
});
