import { MillraceError } from '@millrace/runtime';
import { describe, expect, test } from 'vitest';
import { compileRules, rulesDigest } from './compile-rules.ts';
import { foldVersionNeeded, type CompiledRules } from './compiled-rule.ts';
import { parseRules } from './parse-rules.ts';
import { readCompiledRules } from './read-compiled-rules.ts';
import type { Rule } from './rule.ts';

const routes: Rule = {
  name: 'routes',
  match: 'http_requests_total{code=~"5.."}',
  by: ['route', 'job', 'Z', 'é'],
  widths: ['1h', '10s'],
  aggregates: ['rate', 'distinct(user)', 'avg', 'count'],
  keep_raw: false,
};
const single: Rule = { name: 'single', match: 'up', widths: ['1m'], aggregates: ['last'] };
const pods: Rule = { ...single, name: 'pods', without: ['pod'] };
const compiled = compileRules({ rules: [routes, single, pods] });

describe('compiled rules', () => {
  test('without a file are the built-in roll-up', () => {
    expect(compileRules(undefined)).toEqual(compileRules({ rules: [] }));
    expect(compileRules(undefined)).toEqual({
      version: 1,
      rules: [
        {
          name: 'rollup',
          edition: 1,
          match: '{}',
          grouping: { kind: 'same' },
          widthsUs: [300_000_000, 3_600_000_000],
          aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'increase'],
          columns: ['count', 'sum', 'min', 'max', 'first', 'last', 'increase'],
          distinctLabel: null,
          keepRaw: true,
          aggregatesAway: false,
          onlyKeptRaw: true,
          source:
            '{"aggregates":["count","sum","min","max","first","last","increase"],' +
            '"match":"{}","name":"rollup","widths":["5m","1h"]}',
        },
      ],
    });
  });

  test('number the rules of the file from 2 on and hold each in its normal form', () => {
    expect(compiled.rules.map(({ name, edition }) => [name, edition])).toEqual([
      ['rollup', 1],
      ['routes', 2],
      ['single', 3],
      ['pods', 4],
    ]);
    expect(compiled.rules[1]).toEqual({
      name: 'routes',
      edition: 2,
      match: 'http_requests_total{code=~"5.."}',
      grouping: { kind: 'by', labels: ['Z', 'job', 'route', 'é'] },
      widthsUs: [10_000_000, 3_600_000_000],
      aggregates: ['count', 'avg', 'distinct(user)', 'rate'],
      columns: ['count', 'sum', 'increase', 'distinct'],
      distinctLabel: 'user',
      keepRaw: false,
      aggregatesAway: true,
      onlyKeptRaw: false,
      source: expect.stringContaining('"keep_raw":false'),
    });
    expect(JSON.parse(compiled.rules[1]!.source)).toEqual(routes);
  });

  test('aggregate series away unless they roll up each series beside its raw samples', () => {
    const away = (rule: Rule): boolean | undefined =>
      compileRules({ rules: [rule] }).rules[1]?.aggregatesAway;
    expect(away(single)).toBe(false);
    expect(away({ ...single, keep_raw: true })).toBe(false);
    expect(away({ ...single, keep_raw: false })).toBe(true);
    expect(away({ ...single, by: [] })).toBe(true);
    expect(away(pods)).toBe(true);
  });

  test('of what was never parsed are a defect', () => {
    const rules = [{ ...single, aggregates: ['mean'] }];
    expect(() => compileRules({ rules })).toThrow(MillraceError);
    expect(() => compileRules({ rules: [{ ...single, widths: ['1y'] }] })).toThrow(
      '1y is not a duration',
    );
  });
});

describe('the digest', () => {
  test('does not depend on how the file is written', () => {
    const yaml = (text: string): string => {
      const parsed = parseRules(text);
      return parsed.ok ? rulesDigest(parsed.compiled) : '';
    };
    const block = yaml(
      'rules:\n  # a comment\n  - match: up\n    name: a\n' +
        '    widths: [60s]\n    aggregates: ["sum"]\n',
    );
    const flow = yaml('{"rules":[{name: a, match: "up", widths: [1m], aggregates: [sum]}]}');
    expect(block).toMatch(/^[0-9a-f]{64}$/);
    expect(flow).toBe(block);
  });

  test('changes with every change of meaning', () => {
    const variants: Rule[][] = [
      [],
      [single],
      [pods],
      [single, pods],
      [pods, single],
      [{ ...single, name: 'other' }],
      [{ ...single, match: 'down' }],
      [{ ...single, widths: ['2m'] }],
      [{ ...single, aggregates: ['first'] }],
      [{ ...single, by: [] }],
      [{ ...single, keep_raw: false }],
    ];
    const digests = variants.map((rules) => rulesDigest(compileRules({ rules })));
    expect(new Set(digests).size).toBe(variants.length);
    expect(rulesDigest(compileRules(undefined))).toBe(digests[0]);
  });

  test('of the built-in rules alone stays, or every log would see its rules change', () => {
    expect(rulesDigest(compileRules(undefined))).toBe(BUILT_IN_DIGEST);
  });
});

describe('rules read back from the log', () => {
  const copy = (): CompiledRules => structuredClone(compiled);

  test('are the rules that were written', () => {
    expect(readCompiledRules(JSON.parse(JSON.stringify(compiled)))).toEqual(compiled);
    expect(rulesDigest(readCompiledRules(copy()))).toBe(rulesDigest(compiled));
  });

  test('that drop are read back, and need a newer way of folding', () => {
    const dropping = compileRules({ rules: [{ name: 'noise', match: 'm', drop: true }] });
    expect(readCompiledRules(JSON.parse(JSON.stringify(dropping)))).toEqual(dropping);
    expect([foldVersionNeeded(compiled), foldVersionNeeded(dropping)]).toEqual([1, 2]);
  });

  test('of another version are refused, and told from damaged ones', () => {
    expect(() => readCompiledRules({ ...copy(), version: 2 })).toThrow(
      expect.objectContaining({ code: 'RULES_VERSION_UNKNOWN', kind: 'permanent' }),
    );
  });

  const damage = (change: (rules: CompiledRules) => unknown): unknown => {
    const rules = copy();
    return change(rules) ?? rules;
  };
  test.each<[why: string, value: unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['no rules', { version: 1 }],
    ['a rule that is a text', { version: 1, rules: ['up'] }],
    ['a name', damage(({ rules }) => void Object.assign(rules[1]!, { name: 7 }))],
    ['an edition', damage(({ rules }) => void Object.assign(rules[1]!, { edition: 1.5 }))],
    ['editions that fall', damage(({ rules }) => void rules.reverse())],
    ['a selector', damage(({ rules }) => void (rules[1]!.match = 'up{'))],
    ['no grouping', damage(({ rules }) => void Object.assign(rules[1]!, { grouping: null }))],
    ['grouping', damage(({ rules }) => void Object.assign(rules[1]!.grouping, { kind: 'on' }))],
    ['labels', damage(({ rules }) => void Object.assign(rules[1]!.grouping, { labels: [1] }))],
    ['a width', damage(({ rules }) => void (rules[1]!.widthsUs[0] = 0))],
    ['no width', damage(({ rules }) => void (rules[1]!.widthsUs = []))],
    ['an aggregate', damage(({ rules }) => void (rules[1]!.aggregates[0] = 'mean'))],
    ['a column', damage(({ rules }) => void Object.assign(rules[1]!.columns, { 0: 'mean' }))],
    ['a column missing', damage(({ rules }) => void rules[1]!.columns.pop())],
    ['a label', damage(({ rules }) => void Object.assign(rules[1]!, { distinctLabel: 0 }))],
    ['a flag', damage(({ rules }) => void Object.assign(rules[1]!, { keepRaw: 'no' }))],
    ['drop', damage(({ rules }) => void Object.assign(rules[1]!, { drop: 1 }))],
    ['drop beside', damage(({ rules }) => void Object.assign(rules[1]!, { drop: true }))],
    ['no source', damage(({ rules }) => void Object.assign(rules[1]!, { source: undefined }))],
  ])('with a fault are refused: %s', (_why, value) => {
    expect(() => readCompiledRules(value)).toThrow(
      expect.objectContaining({ code: 'RULES_UNREADABLE', kind: 'permanent' }),
    );
  });
});

const BUILT_IN_DIGEST = '0f94d6e90595259fe2a72181a437876ec97fffee55e10de524248a9754391732';
