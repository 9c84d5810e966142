import assert from 'node:assert/strict';
import { MillraceError } from '@millrace/runtime';
import {
  AGGREGATES,
  compileRules,
  compileSelector,
  createPlacer,
  formatMatcher,
  parseRules,
  parseSelector,
  readCompiledRules,
  retentionWords,
  SELECTOR_CHARS_MAX,
  type CompiledRules,
  type ParsedRules,
  type ParsedSelector,
  type Rule,
} from '@millrace/rules';
import { decode, encode } from '@msgpack/msgpack';
import * as fc from 'fast-check';
import type { FuzzTarget } from '../fuzz-target.ts';
import { warpMsgpack } from '../warp-msgpack.ts';

const bytesOf = (written: string): Uint8Array => Uint8Array.from(Buffer.from(written));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
const quoted = fc.string({ unit: 'grapheme', maxLength: 8 }).map((one) => JSON.stringify(one));
const regex = fc.constantFrom('".*"', '"5.."', '"a|b|c"', '"(x+)+y"', '"[^a]{2,5}"', '"(?i)z"');
const matcher = fc
  .tuple(name, fc.constantFrom('=', '!=', '=~', '!~'), quoted, regex)
  .map(([label, operator, plain, pattern]) =>
    operator.endsWith('~') ? `${label}${operator}${pattern}` : `${label}${operator}${plain}`,
  );
const selectorText = fc
  .tuple(fc.oneof(name, fc.constant('')), fc.array(matcher, { maxLength: 4 }))
  .map(([metric, matchers]) => `${metric}{${matchers.join(', ')}}`);

export const selector: FuzzTarget = {
  name: 'selector',
  read: (bytes) => {
    const parsed = parseSelector(textOf(bytes));
    if (parsed.ok) {
      const names = parsed.selector.matchers.map((one) => one.name);
      compileSelector(parsed.selector)(names.map((label) => [label, 'a'.repeat(100)]));
    }
    return parsed;
  },
  isRefusal: () => false,
  sound: selectorText.map((one) => ({
    bytes: bytesOf(one),
    check: (read) => assert.ok((read as ParsedSelector).ok),
  })),
  words: [
    '{',
    '}',
    '=~"',
    '!~',
    '"',
    "'",
    '`',
    '\\',
    '\\x',
    '\\u{',
    '#',
    '((',
    '{1000}',
    '[a-z]',
    '*',
  ]
    .concat('{1000}{1000}', '(a{50}){50}', '(?:', '\\pL', '__name__')
    .map(bytesOf),
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    const parsed = outcome.value as ParsedSelector;
    if (!parsed.ok) return;
    const { matchers } = parsed.selector;
    const written = `{${matchers.map(formatMatcher).join(',')}}`;
    // What is written with escapes may be longer than a selector may be.
    if (written.length > SELECTOR_CHARS_MAX) return;
    const again = parseSelector(written);
    // As JSON writes texts, all of them can be read; but for halves of surrogate pairs.
    if (matchers.some((one) => /\p{Surrogate}/u.test(one.name + one.value))) return;
    assert.deepStrictEqual(again.ok ? again.selector.matchers : again.fault, matchers);
  },
  memory: { perByte: 2000, fixedBytes: 16 * 1024 ** 2 },
  runs: 1200,
};

const rule: fc.Arbitrary<Rule> = fc.record(
  {
    name: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.:-]{0,10}$/).filter((one) => one !== 'rollup'),
    match: selectorText,
    by: fc.uniqueArray(name, { maxLength: 3 }),
    widths: fc.uniqueArray(fc.constantFrom('10s', '1m', '7m', '1h', '1d'), {
      minLength: 1,
      maxLength: 3,
    }),
    aggregates: fc.uniqueArray(fc.constantFrom(...AGGREGATES), { minLength: 1, maxLength: 4 }),
    keep_raw: fc.boolean(),
    keep: fc.constantFrom('90d', '36h', '1y2w'),
  },
  { requiredKeys: ['name', 'match', 'widths', 'aggregates'] },
);
const ruleList = fc.uniqueArray(rule, { maxLength: 4, selector: (one) => one.name });

function yamlOf(rules: readonly Rule[]): string {
  const lines = rules.flatMap((one) =>
    Object.entries(one).map(
      ([key, value], i) => `${i === 0 ? '  - ' : '    '}${key}: ${JSON.stringify(value)}`,
    ),
  );
  return `rules:\n${lines.join('\n')}\n`;
}

export const ruleFile: FuzzTarget = {
  name: 'rule-file',
  read: (bytes) => parseRules(textOf(bytes)),
  isRefusal: () => false,
  sound: fc.tuple(ruleList, fc.boolean()).map(([rules, isYaml]) => ({
    bytes: bytesOf(isYaml ? yamlOf(rules) : JSON.stringify({ rules })),
    check: (read) => {
      const parsed = read as ParsedRules;
      if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
      assert.equal(parsed.file.rules.length, rules.length);
    },
  })),
  words: [
    '- ',
    ': ',
    '&a ',
    '*a',
    '<<: *a',
    '!!binary ',
    '!!set ',
    '? ',
    '|\n',
    '>-\n',
    '---\n',
    '...\n',
  ]
    .concat('%YAML 1.1\n', '[', '{', '\t', '"', "'", '\n  ', '#', '&a [*a]', '[[[[', '{a: {a: ')
    .concat('keep: {1m: 90d}\n', 'tenants:\n  - name: a\n    keep: {raw: 1y}\n')
    .map(bytesOf),
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    const parsed = outcome.value as ParsedRules;
    if (!parsed.ok) {
      assert.ok(parsed.problems.length > 0, 'refused without a reason');
      return;
    }
    // What was understood, written as JSON, means the same.
    const again = parseRules(JSON.stringify(parsed.file));
    assert.deepStrictEqual(again.ok ? again.compiled : again.problems, parsed.compiled);
    assert.deepStrictEqual(again.ok && retentionWords(again.file), retentionWords(parsed.file));
    assert.deepStrictEqual(readCompiledRules(parsed.compiled), parsed.compiled);
  },
  // YAML takes one or two milliseconds a kilobyte.
  bytesMax: 16 * 1024,
  memory: { perByte: 3000, fixedBytes: 16 * 1024 ** 2 },
  runs: 280,
};

export const compiledRules: FuzzTarget = {
  name: 'compiled-rules',
  read: (bytes) => {
    let plain: unknown;
    try {
      plain = decode(bytes, { maxArrayLength: 1000, maxMapLength: 1000 });
    } catch {
      // No MessagePack: that is the matter of the record around it.
      return undefined;
    }
    const rules = readCompiledRules(plain);
    createPlacer(rules).place([['__name__', 'a']]);
    return rules;
  },
  isRefusal: (error) => error instanceof MillraceError && error.code.startsWith('RULES_'),
  sound: ruleList.map((rules) => {
    const compiled = compileRules({ rules });
    return {
      bytes: Uint8Array.from(encode(compiled)),
      check: (read) => assert.deepStrictEqual(read, compiled),
    };
  }),
  words: [encode('match'), encode('columns'), encode('increase'), encode('edition'), encode('by')],
  agree: (_, outcome) => {
    if ('refusal' in outcome || outcome.value === undefined) return;
    const rules = outcome.value as CompiledRules;
    assert.deepStrictEqual(readCompiledRules(decode(encode(rules))), rules);
  },
  warp: warpMsgpack,
  memory: { perByte: 2000, fixedBytes: 16 * 1024 ** 2 },
  runs: 600,
};
