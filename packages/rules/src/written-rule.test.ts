import { expect, test } from 'vitest';
import { compileRules } from './compile-rules.ts';
import type { Rule } from './rule.ts';
import { writtenRule } from './written-rule.ts';

const rule: Rule = { name: 'r', match: 'm{a="b"}', widths: ['1m30s', '1h'], aggregates: ['sum'] };

test.each<[string, Rule]>([
  ['each series by itself', rule],
  ['by labels', { ...rule, by: ['z', 'a'] }],
  ['by none', { ...rule, by: [], keep_raw: false }],
  ['that drops', { name: 'noise', match: 'm{a="b"}', drop: true }],
  ['without labels', { ...rule, without: ['pod'], aggregates: ['rate', 'distinct(user)'] }],
])('a rule is written so that it means the same: %s', (_what, written) => {
  const compiled = compileRules({ rules: [written] });
  const again = compileRules({ rules: [writtenRule(compiled.rules[1]!)] });
  const meaning = ({ rules }: typeof compiled) => rules.map((one) => ({ ...one, source: '' }));
  expect(meaning(again)).toEqual(meaning(compiled));
});

test('a written rule says everything, also what goes without saying', () => {
  const [rollup] = compileRules(undefined).rules;
  expect(writtenRule(rollup!)).toEqual({
    name: 'rollup',
    match: '{}',
    widths: ['5m', '1h'],
    aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'increase'],
    keep_raw: true,
  });
});
