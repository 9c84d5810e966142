import { sortLabels, type LabelSet } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRules } from './compile-rules.ts';
import { explainSample, type RuleExplanation } from './explain.ts';
import { createPlacer } from './placement.ts';
import type { Rule } from './rule.ts';
import { formatMatcher, parseSelector, type Matcher } from './selector.ts';

const rule: Rule = { name: 'r', match: 'm', widths: ['1m'], aggregates: ['sum'] };
const MINUTE_US = 60_000_000;

function labelsOf(labels: Record<string, string>): LabelSet {
  return sortLabels(Object.entries(labels));
}

function explained(rules: readonly Rule[], labels: Record<string, string>, name: string) {
  const { rules: all, ...rest } = explainSample(compileRules({ rules }), labelsOf(labels), 0);
  return { ...rest, one: all.find((one) => one.rule.name === name)! };
}

describe('a sample', () => {
  test('lies in one window of each width', () => {
    const compiled = compileRules({ rules: [{ ...rule, widths: ['1h', '10s'] }] });
    const { rules } = explainSample(compiled, labelsOf({ __name__: 'm' }), 61 * MINUTE_US - 1);
    expect(rules[1]).toMatchObject({
      verdict: 'folds',
      windows: [
        { widthUs: 10_000_000, startUs: 3_650_000_000, endUs: 3_660_000_000 },
        { widthUs: 3_600_000_000, startUs: 3_600_000_000, endUs: 7_200_000_000 },
      ],
    });
  });

  test('is not for a rule because of the first matcher that does not hold', () => {
    const rules = [{ ...rule, match: 'm{job=~"a|b",pod!="",zone="x"}' }];
    const { one } = explained(rules, { __name__: 'm', job: 'a' }, 'r');
    expect(one).toMatchObject({ verdict: 'no_match', value: undefined });
    expect(one).toHaveProperty('matcher', { name: 'pod', operator: '!=', value: '' });
    const other = explained(rules, { __name__: 'n', job: 'a' }, 'r');
    expect(other.one).toMatchObject({ matcher: { name: '__name__' }, value: 'n' });
  });

  test('that a rule drops is for no other', () => {
    const rules: Rule[] = [
      { ...rule, keep_raw: false },
      { name: 'noise', match: 'm', drop: true },
      { name: 'else', match: 'n', drop: true },
    ];
    const { keepRaw, isDropped, droppedBy, one } = explained(rules, { __name__: 'm' }, 'r');
    expect([keepRaw, isDropped]).toEqual([false, true]);
    expect(droppedBy.map(({ name }) => name)).toEqual(['noise']);
    expect(one.verdict).toBe('dropped');
    expect(explained(rules, { __name__: 'm' }, 'noise').one.verdict).toBe('drops');
    expect(explained(rules, { __name__: 'm' }, 'else').one.verdict).toBe('no_match');
    expect(explained(rules, { __name__: 'o' }, 'rollup').isDropped).toBe(false);
  });

  test('is dropped by the rules that say so, and then not rolled up', () => {
    const rules = [
      { ...rule, name: 'a', keep_raw: false },
      { ...rule, name: 'b' },
      { ...rule, name: 'c', keep_raw: false },
    ];
    const { keepRaw, droppedBy, one } = explained(rules, { __name__: 'm' }, 'rollup');
    expect(keepRaw).toBe(false);
    expect(droppedBy.map(({ name }) => name)).toEqual(['a', 'c']);
    expect(one.verdict).toBe('not_kept_raw');
    expect(explained(rules, { __name__: 'n' }, 'rollup')).toMatchObject({
      keepRaw: true,
      droppedBy: [],
      one: { verdict: 'folds', target: { sameSeries: true } },
    });
  });
});

const label = fc.constantFrom('__name__', 'job', 'pod', 'zone.id');
const value = fc.constantFrom('', 'a', 'ab', 'b', '"', 'a\nb', '😀');
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({ name: label, operator: fc.constantFrom('=' as const, '!=' as const), value }),
  fc.record({
    name: label,
    operator: fc.constantFrom('=~' as const, '!~' as const),
    value: fc.constantFrom('', 'a', 'a|b', 'a.*', '.+', '.*', '[^a]*'),
  }),
);
const grouping = fc.oneof(
  fc.constant({}),
  fc.record({ by: fc.uniqueArray(label) }),
  fc.record({ without: fc.uniqueArray(label.filter((name) => name !== '__name__')) }),
);
const someRules = fc
  .array(
    fc.record({
      matchers: fc.array(matcher, { maxLength: 3 }),
      by: grouping,
      keepRaw: fc.boolean(),
      widths: fc.uniqueArray(fc.constantFrom('1s', '7s', '1m', '1h', '31d'), { minLength: 1 }),
      aggregates: fc.constantFrom(['count'], ['distinct'], ['distinct(pod)', 'increase']),
    }),
    { maxLength: 8 },
  )
  .map((parts) =>
    parts.map(({ matchers, by, keepRaw, widths, aggregates }, i): Rule => {
      const match = `{${matchers.map(formatMatcher).join(',')}}`;
      return { name: `r${i}`, match, ...by, widths, aggregates, keep_raw: keepRaw };
    }),
  );
const someLabels = fc
  .dictionary(
    label,
    value.filter((text) => text !== ''),
  )
  .map(labelsOf);
const someTime = fc.integer({ min: 0, max: 4_000_000_000_000_000 });

/** Word by word, with the regular expressions of the language. */
function holds({ name, operator, value: wanted }: Matcher, labels: LabelSet): boolean {
  const text = labels.find(([key]) => key === name)?.[1] ?? '';
  const equal = operator.includes('~')
    ? new RegExp(`^(?:${wanted})$`, 'su').test(text)
    : text === wanted;
  return operator.startsWith('!') ? !equal : equal;
}

function matchersOf(one: RuleExplanation): readonly Matcher[] {
  const parsed = parseSelector(one.rule.match);
  return parsed.ok ? parsed.selector.matchers : [];
}

describe('any sample under any rules', () => {
  test('is explained as it is placed', () => {
    fc.assert(
      fc.property(someRules, someLabels, someTime, (rules, labels, timeUs) => {
        const compiled = compileRules({ rules });
        const { keepRaw, targets } = createPlacer(compiled).place(labels);
        const explanation = explainSample(compiled, labels, timeUs);
        expect(explanation.keepRaw).toBe(keepRaw);
        expect(explanation.rules.map((one) => one.rule)).toEqual(compiled.rules);
        const folding = explanation.rules.filter((one) => one.verdict === 'folds');
        expect(folding.map(({ target }) => target)).toEqual(targets);
        expect(explanation.droppedBy.length > 0).toBe(!keepRaw);
        for (const { windows, rule: folded } of folding) {
          expect(windows.map(({ widthUs }) => widthUs)).toEqual(folded.widthsUs);
          for (const { widthUs, startUs, endUs } of windows) {
            expect(startUs % widthUs).toBe(0);
            expect(endUs - startUs).toBe(widthUs);
            expect(startUs <= timeUs && timeUs < endUs).toBe(true);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('gets the true reason why it is not folded', () => {
    fc.assert(
      fc.property(someRules, someLabels, (rules, labels) => {
        const { keepRaw, rules: all } = explainSample(compileRules({ rules }), labels, 0);
        for (const one of all) {
          const failing = matchersOf(one).find((each) => !holds(each, labels));
          if (one.verdict === 'no_match') {
            expect(one.matcher).toEqual(failing);
            const found = labels.find(([key]) => key === one.matcher.name)?.[1];
            expect(one.value).toBe(found);
          } else {
            expect(failing).toBeUndefined();
            const isRollup = one.rule.name === 'rollup';
            expect(one.verdict).toBe(isRollup && !keepRaw ? 'not_kept_raw' : 'folds');
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('a matcher is written as a selector reads it', () => {
  fc.assert(
    fc.property(matcher, (one) => {
      const parsed = parseSelector(`{${formatMatcher(one)}}`);
      expect(parsed.ok && parsed.selector.matchers).toEqual([one]);
    }),
  );
});
