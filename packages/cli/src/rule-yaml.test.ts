import { parseRules, writtenRule } from '@millrace/rules';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteYaml, rulesYaml } from './rule-yaml.ts';

const text = fc.oneof(
  fc.constantFrom('true', 'Null', '10s', 'a b', "it's", '#', 'a: b', '- a', '1e5', '~', 'a\nb'),
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
);
const name = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.:-]{0,12}$/)
  .filter((word) => word !== 'rollup');

test('rules as they are shown can be applied again, and mean the same', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.record({
          name,
          value: text,
          by: fc.option(fc.uniqueArray(text, { maxLength: 3 }), { nil: undefined }),
          keepRaw: fc.boolean(),
        }),
        { selector: (one) => one.name, maxLength: 4 },
      ),
      (parts) => {
        const rules = parts.map((part) => ({
          name: part.name,
          match: `m{a=${JSON.stringify(part.value)}}`,
          ...(part.by === undefined ? {} : { by: part.by }),
          widths: ['1m30s', '1h'],
          aggregates: ['sum', 'distinct(user)'],
          keep_raw: part.keepRaw,
        }));
        const written = parseRules(JSON.stringify({ rules }));
        if (!written.ok) throw new Error(written.problems[0]?.message);
        const shown = written.compiled.rules.map((rule) => ({ ...writtenRule(rule), edition: 7 }));
        const again = parseRules(rulesYaml({ rules: shown, tenants: [] }));
        expect(again.ok ? again.compiled.rules.map(writtenRule) : again.problems).toEqual(
          written.compiled.rules.map(writtenRule),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('how long rows are kept is written as a file has it', () => {
  const keep = { '1m': '30d', '1h': '2y' };
  const rules = [{ name: 'a', match: 'up', widths: ['1m', '1h'], aggregates: ['sum'], keep }];
  const tenants = [{ name: "o'neil", keep: { raw: '36h', rules: { a: '9d' } } }];
  const again = parseRules(rulesYaml({ rules, tenants }));
  expect(again).toMatchObject({ ok: true, file: { rules, tenants } });
});

test('no rules but the built-in one is a file too', () => {
  const built = parseRules('');
  const shown = built.ok ? built.compiled.rules.map(writtenRule) : [];
  const yaml = rulesYaml({ rules: shown, tenants: [] });
  expect(yaml).toContain('# - name: rollup\n');
  expect(yaml).toMatch(/\nrules: \[\]$/);
  expect(parseRules(yaml)).toMatchObject({ ok: true, file: { rules: [] } });
});

test.each([
  [undefined, 'not set'],
  [false, 'false'],
  ['sum_last', 'sum_last'],
  ['false', "'false'"],
  [['1h30m', 'a-b', "it's"], "[1h30m, 'a-b', 'it''s']"],
  ['a\nb', '"a\\nb"'],
])('%j is written as %s', (value, written) => expect(quoteYaml(value)).toBe(written));
