import { describe, expect, test } from 'vitest';
import { compileRules } from './compile-rules.ts';
import { editionKey } from './edition-key.ts';
import type { Rule } from './rule.ts';

const rule: Rule = {
  name: 'r',
  match: 'm',
  by: ['a', 'b'],
  widths: ['1m', '1h'],
  aggregates: ['count', 'sum'],
};

/** Of the rule with this name in a file of these rules. */
function keyOf(name: string, rules: readonly Rule[]): string {
  const compiled = compileRules({ rules });
  return editionKey(
    compiled.rules.find((one) => one.name === name)!,
    compiled,
  );
}

describe('the key of an edition', () => {
  test.each<[string, Partial<Rule>]>([
    ['with what goes without saying', { keep_raw: true }],
    ['with labels in another order', { by: ['b', 'a'] }],
    ['with widths in another order', { widths: ['1h', '60s'] }],
    ['with aggregates in another order', { aggregates: ['sum', 'count'] }],
  ])('stays however the rule is written: %s', (_how, other) => {
    expect(
      keyOf('r', [
        { ...rule, name: 'before', match: 'x' },
        { ...rule, ...other },
      ]),
    ).toBe(keyOf('r', [rule]));
  });

  test.each<[string, Partial<Rule>]>([
    ['its series', { match: 'm{}' }],
    ['its labels', { by: ['a'] }],
    ['its widths', { widths: ['1m'] }],
    ['its aggregates', { aggregates: ['sum'] }],
    ['what is kept raw', { keep_raw: false }],
  ])('changes with %s', (_what, other) => {
    expect(keyOf('r', [{ ...rule, ...other }])).not.toBe(keyOf('r', [rule]));
  });

  test('of the roll-up changes with what others stop from being kept raw, and with no more', () => {
    const notRaw: Rule = { ...rule, keep_raw: false };
    expect(keyOf('rollup', [rule])).toBe(keyOf('rollup', []));
    expect(keyOf('rollup', [notRaw])).not.toBe(keyOf('rollup', []));
    expect(keyOf('rollup', [{ ...notRaw, widths: ['5m'] }])).toBe(keyOf('rollup', [notRaw]));
    expect(keyOf('rollup', [{ ...notRaw, match: 'n' }])).not.toBe(keyOf('rollup', [notRaw]));
  });

  test('changes with what others drop of its metric, and stays while none does', () => {
    const drop = (match: string): Rule => ({ name: 'noise', match, drop: true });
    const alone = keyOf('r', [rule]);
    expect(keyOf('r', [rule, drop('other{a="1"}')])).toBe(alone);
    expect(keyOf('r', [rule, drop('m{a="1"}')])).not.toBe(alone);
    expect(keyOf('r', [rule, drop('{a="1"}')])).not.toBe(alone);
    expect(keyOf('r', [rule, drop('{a="2"}')])).not.toBe(keyOf('r', [rule, drop('{a="1"}')]));
    expect(keyOf('rollup', [drop('other')])).not.toBe(keyOf('rollup', []));
    // What it does itself depends on nobody.
    const both = [drop('m'), { ...drop('{}'), name: 'all' }];
    expect(keyOf('noise', both)).toBe(keyOf('noise', [drop('m')]));
  });
});
