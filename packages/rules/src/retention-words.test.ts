import { describe, expect, test } from 'vitest';
import { RuleFault } from './codes.ts';
import { compileRules, rulesDigest } from './compile-rules.ts';
import { editionKey } from './edition-key.ts';
import { parseRules } from './parse-rules.ts';
import { readRetentionWords } from './retention-words.ts';

const RULE = 'name: r, match: up, widths: [1m, 1h], aggregates: [sum]';
const DAY_MS = 86_400_000;
const MINUTE_US = 60_000_000;

function problemsOf(text: string): string[] {
  const parsed = parseRules(text);
  return parsed.ok
    ? []
    : parsed.problems.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

describe('how long rows are kept', () => {
  test('says a rule of all its windows, or of each width, and a tenant', () => {
    const words = readRetentionWords(`
rules:
  - { ${RULE}, keep: 90d }
  - { ${RULE.replace('name: r', 'name: s')}, keep: { 60s: 1w, 1h: 2y } }
  - { ${RULE.replace('name: r', 'name: silent')} }
tenants:
  - { name: acme, keep: { raw: 36h, wide: 1y, rules: { r: 2d, gone: { 5m: 1d12h } } } }
`);
    expect(words).toEqual({
      rules: [
        { rule: 'r', kept: { allMs: 90 * DAY_MS, byWidth: [] } },
        {
          rule: 's',
          kept: {
            byWidth: [
              { widthUs: MINUTE_US, keepMs: 7 * DAY_MS },
              { widthUs: 60 * MINUTE_US, keepMs: 730 * DAY_MS },
            ],
          },
        },
      ],
      tenants: [
        {
          ...{ tenant: 'acme', rawMs: 1.5 * DAY_MS, wideMs: 365 * DAY_MS },
          rules: [
            { rule: 'r', kept: { allMs: 2 * DAY_MS, byWidth: [] } },
            {
              rule: 'gone',
              kept: { byWidth: [{ widthUs: 5 * MINUTE_US, keepMs: 1.5 * DAY_MS }] },
            },
          ],
        },
      ],
    });
  });

  test('is nothing where there is no file, and not known where it cannot be read', () => {
    expect(readRetentionWords('')).toEqual({ rules: [], tenants: [] });
    expect(readRetentionWords('rules: [{ name: r }]')).toBeUndefined();
    expect(readRetentionWords('rules: []\nlater: 1')).toBeUndefined();
  });

  test('is no part of an edition, nor of what travels to partitions', () => {
    const compiled = (keep: string) => {
      const parsed = parseRules(`rules: [{ ${RULE}${keep} }]`);
      if (!parsed.ok) throw new Error('it should be right');
      return compileRules(parsed.file);
    };
    const [one, other] = [compiled(''), compiled(', keep: { 1m: 3d }')];
    expect(rulesDigest(other)).toBe(rulesDigest(one));
    expect(editionKey(other.rules[1]!, other)).toBe(editionKey(one.rules[1]!, one));
  });

  test.each([
    [`rules: [{ ${RULE}, keep: 90 }]`, RuleFault.wrongType],
    [`rules: [{ ${RULE}, keep: 30m }]`, RuleFault.badKeep],
    [`rules: [{ ${RULE}, keep: 101y }]`, RuleFault.badKeep],
    [`rules: [{ ${RULE}, keep: soon }]`, RuleFault.badKeep],
    [`rules: [{ ${RULE}, keep: [90d] }]`, RuleFault.wrongType],
    [`rules: [{ ${RULE}, keep: { 5m: 1d } }]`, RuleFault.keepsNothing],
    [`rules: [{ ${RULE}, keep: { minute: 1d } }]`, RuleFault.badDuration],
    [`rules: [{ ${RULE}, keep: { 1m: 1d, 60s: 2d } }]`, RuleFault.duplicateKey],
    [`rules: [{ ${RULE}, keep: { 1m: 1d, 1m: 2d } }]`, RuleFault.duplicateKey],
    ['tenants: [{ name: a }]', RuleFault.missingKey],
    ['tenants: [{ keep: { raw: 1d } }]', RuleFault.missingKey],
    ['tenants: [{ name: "", keep: { raw: 1d } }]', RuleFault.badName],
    ['tenants: [{ name: a, keep: { row: 1d } }]', RuleFault.unknownKey],
    ['tenants: [{ name: a, keep: }]', RuleFault.wrongType],
    ['tenants: [{ name: a, keep: { raw: 1 } }]', RuleFault.wrongType],
    ['tenants: [{ name: a, keep: { rules: 1d } }]', RuleFault.wrongType],
    ['tenants: [{ name: a, keep: {} }, { name: a, keep: {} }]', RuleFault.duplicateName],
    ['tenants: 1', RuleFault.wrongType],
  ])('refuses %s', (text, code) => {
    expect(problemsOf(text)).toContainEqual(expect.stringMatching(`^1:\\d+ ${code}$`));
  });
});
