import { sortLabels, type LabelSet } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRules } from './compile-rules.ts';
import { createPlacer, type Placement } from './placement.ts';
import type { Rule } from './rule.ts';

type Labels = Record<string, string>;

function labelsOf(labels: Labels): LabelSet {
  return sortLabels(Object.entries(labels));
}

function place(rules: readonly Rule[], labels: Labels): Placement {
  return createPlacer(compileRules({ rules })).place(labelsOf(labels));
}

/** Rule names with their output label sets. */
function outputs(placement: Placement): [rule: string, labels: Labels][] {
  return placement.targets.map(({ rule, labels }) => [rule.name, Object.fromEntries(labels)]);
}

const rule: Rule = { name: 'r', match: 'm', widths: ['1m'], aggregates: ['sum'] };

describe('a series', () => {
  test('is kept raw and rolled up when no rule matches', () => {
    const labels = labelsOf({ __name__: 'up', job: 'a' });
    const placement = createPlacer(compileRules(undefined)).place(labels);
    expect(placement.keepRaw).toBe(true);
    expect(outputs(placement)).toEqual([['rollup', { __name__: 'up', job: 'a' }]]);
    expect(placement.targets[0]?.sameSeries).toBe(true);
    expect(placement.targets[0]?.labels).toBe(labels);
  });

  test('keeps only the labels of by, and its name', () => {
    const placement = place([{ ...rule, by: ['job', 'zone'] }], {
      __name__: 'm',
      job: 'a',
      pod: 'b',
    });
    expect(outputs(placement)[1]).toEqual(['r', { __name__: 'm', job: 'a' }]);
    expect(placement.targets[1]?.sameSeries).toBe(false);
    const all = place([{ ...rule, by: [] }], { __name__: 'm', job: 'a' });
    expect(outputs(all)[1]).toEqual(['r', { __name__: 'm' }]);
  });

  test('loses the labels of without', () => {
    const placement = place([{ ...rule, without: ['pod', 'zone'] }], {
      __name__: 'm',
      job: 'a',
      pod: 'b',
    });
    expect(outputs(placement)[1]).toEqual(['r', { __name__: 'm', job: 'a' }]);
  });

  test('is its own output when grouping takes nothing away', () => {
    const placement = place([{ ...rule, by: ['job'] }], { __name__: 'm', job: 'a' });
    expect(placement.targets.map(({ sameSeries }) => sameSeries)).toEqual([true, true]);
  });

  test('is not kept raw, nor rolled up, when one matching rule says so', () => {
    const rules: Rule[] = [
      { ...rule, name: 'a' },
      { ...rule, name: 'b', keep_raw: false },
      { ...rule, name: 'c', match: 'other', keep_raw: false },
      { ...rule, name: 'd', keep_raw: true },
    ];
    const placement = place(rules, { __name__: 'm' });
    expect(placement.keepRaw).toBe(false);
    expect(outputs(placement).map(([name]) => name)).toEqual(['a', 'b', 'd']);
    expect(place(rules, { __name__: 'n' }).keepRaw).toBe(true);
  });

  test('that a rule drops goes nowhere, whatever the others say', () => {
    const rules: Rule[] = [
      { ...rule, name: 'a', keep_raw: false },
      { name: 'noise', match: '{job="b"}', drop: true },
      { name: 'all', match: 'm', drop: true },
    ];
    const dropped = place(rules, { __name__: 'm', job: 'b' });
    expect(dropped).toEqual({
      keepRaw: false,
      rawDroppedBy: 'noise',
      droppedBy: 'noise',
      targets: [],
    });
    expect(place(rules, { __name__: 'm' }).droppedBy).toBe('all');
    const others = place(rules, { __name__: 'n' });
    expect([others.droppedBy, others.rawDroppedBy, outputs(others).length]).toEqual([
      undefined,
      undefined,
      1,
    ]);
  });

  test('gives its label to distinct(label), and nothing when it has none', () => {
    const distinct: Rule = { ...rule, aggregates: ['distinct(user)'], by: [] };
    const text = (labels: Labels): unknown => place([distinct], labels).targets[1]?.distinctText;
    expect(text({ __name__: 'm', user: 'ann' })).toBe('ann');
    expect(text({ __name__: 'm' })).toBeUndefined();
    expect(text({ __name__: 'm', user: '' })).toBeUndefined();
    const values = place([{ ...distinct, aggregates: ['distinct'] }], { __name__: 'm', user: 'a' });
    expect(values.targets[1]).not.toHaveProperty('distinctText');
  });

  test('without a name meets only rules that ask for none', () => {
    const rules: Rule[] = [rule, { ...rule, name: 'any', match: '{job="a"}' }];
    expect(outputs(place(rules, { job: 'a' })).map(([name]) => name)).toEqual(['rollup', 'any']);
  });
});

describe('any series under any rules', () => {
  const label = fc.constantFrom('__name__', 'job', 'pod', 'zone');
  const value = fc.constantFrom('a', 'b', 'c');
  const selector = fc.constantFrom(
    '{}',
    'a',
    'b',
    '{__name__=~"a|b"}',
    '{job="a"}',
    'a{job!="b"}',
    '{__name__!="a",pod=~".+"}',
    'c{zone=~"a|b"}',
    '{"b"}',
  );
  const grouping = fc.oneof(
    fc.constant({}),
    fc.record({ by: fc.uniqueArray(label) }),
    fc.record({ without: fc.uniqueArray(label.filter((name) => name !== '__name__')) }),
  );
  const someRules = fc
    .array(fc.tuple(selector, grouping, fc.option(fc.boolean(), { nil: true })), { maxLength: 8 })
    .map((parts) =>
      parts.map(([match, by, keepRaw], i): Rule => {
        return { ...rule, ...by, name: `r${i}`, match, keep_raw: keepRaw };
      }),
    );
  const tests: Record<string, (labels: Labels) => boolean> = {
    '{}': () => true,
    a: ({ __name__ }) => __name__ === 'a',
    b: ({ __name__ }) => __name__ === 'b',
    '{__name__=~"a|b"}': ({ __name__ }) => __name__ === 'a' || __name__ === 'b',
    '{job="a"}': ({ job }) => job === 'a',
    'a{job!="b"}': ({ __name__, job }) => __name__ === 'a' && job !== 'b',
    '{__name__!="a",pod=~".+"}': ({ __name__, pod }) => __name__ !== 'a' && pod !== undefined,
    'c{zone=~"a|b"}': ({ __name__, zone }) => __name__ === 'c' && (zone === 'a' || zone === 'b'),
    '{"b"}': ({ __name__ }) => __name__ === 'b',
  };

  test('goes where the definition says', () => {
    fc.assert(
      fc.property(someRules, fc.dictionary(label, value), (rules, labels) => {
        const matching = rules.filter(({ match }) => tests[match]?.(labels));
        const keepRaw = matching.every(({ keep_raw: keeps }) => keeps !== false);
        const expected: [string, Labels][] = keepRaw ? [['rollup', labels]] : [];
        for (const { name, by, without } of matching) {
          const kept = Object.entries(labels).filter(
            ([key]) =>
              key === '__name__' ||
              ((by === undefined || by.includes(key)) && !without?.includes(key)),
          );
          expected.push([name, Object.fromEntries(kept)]);
        }
        const placement = place(rules, labels);
        expect(placement.keepRaw).toBe(keepRaw);
        expect(outputs(placement)).toEqual(expected);
        for (const target of placement.targets) {
          expect(target.labels).toEqual(sortLabels(target.labels));
          expect(target.sameSeries).toBe(target.labels.length === Object.keys(labels).length);
        }
        expect(place(rules, labels)).toEqual(placement);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a selector that was never checked is refused', () => {
  const rules = [{ ...rule, match: 'm{' }];
  expect(() => createPlacer(compileRules({ rules }))).toThrow(MillraceError);
});
