import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RuleFault } from './codes.ts';
import { parseRules } from './parse-rules.ts';
import { RULE_FILE_SCHEMA } from './rule-file-schema.ts';
import type { Rule } from './rule.ts';

/** `line:column CODE` of every problem. */
function faults(text: string): string[] {
  const parsed = parseRules(text);
  if (parsed.ok) return [];
  return parsed.problems.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

function rules(text: string): readonly Rule[] {
  const parsed = parseRules(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.file.rules;
}

/** A file with one good rule but for the lines given, which replace the lines of their keys. */
function withLines(...changed: string[]): string {
  const lines = ['name: a', 'match: up', 'widths: [1m]', 'aggregates: [sum]'];
  const keys = changed.map((line) => line.slice(0, line.indexOf(':')));
  const kept = lines.filter((line) => !keys.includes(line.slice(0, line.indexOf(':'))));
  return `rules:\n  - ${[...changed, ...kept].join('\n    ')}\n`;
}

describe('good files', () => {
  test('every key', () => {
    const text = `
# What aggregates into what.
rules:
  - name: requests:by_route
    match: 'http_requests_total{code=~"5..", env!="dev"}'
    by: [route, job]
    widths: [10s, 90s, 1h]
    aggregates: [sum, increase, quantile, distinct(user)]
    keep_raw: false
  - name: no-pods
    match: |
      {
        __name__=~"kube_.*"
      }
    without:
      - pod
      - "container id"
    widths: ["5m"]
    aggregates: &all [count]
  - { name: one_each, match: up, by: [], widths: [1m], aggregates: *all, keep_raw: true }
`;
    expect(rules(text)).toEqual([
      {
        name: 'requests:by_route',
        match: 'http_requests_total{code=~"5..", env!="dev"}',
        by: ['route', 'job'],
        widths: ['10s', '1m30s', '1h'],
        aggregates: ['sum', 'increase', 'quantile', 'distinct(user)'],
        keep_raw: false,
      },
      {
        name: 'no-pods',
        match: '{\n  __name__=~"kube_.*"\n}\n',
        without: ['pod', 'container id'],
        widths: ['5m'],
        aggregates: ['count'],
      },
      {
        name: 'one_each',
        match: 'up',
        by: [],
        widths: ['1m'],
        aggregates: ['count'],
        keep_raw: true,
      },
    ]);
  });

  test.each([
    '',
    '\n',
    '# only a comment\n',
    'rules:\n',
    'rules: []',
    'rules: ~',
    '---\n...\n',
    '{}',
  ])('%j has no rules', (text) => expect(rules(text)).toEqual([]));

  test('JSON is YAML', () => {
    const rule = { name: 'a', match: 'up{a="\\u00e9"}', widths: ['1m'], aggregates: ['sum'] };
    expect(rules(JSON.stringify({ rules: [rule] }))).toEqual([rule]);
  });

  test('keys of others are theirs', () => {
    const text = 'port: 9480\nrules: []\nstore: { url: x }\n';
    expect(faults(text)).toEqual(['1:1 RULES_UNKNOWN_KEY', '3:1 RULES_UNKNOWN_KEY']);
    expect(parseRules(text, { otherKeys: ['port', 'store'] }).ok).toBe(true);
  });

  test('a thousand rules', () => {
    const lines = Array.from({ length: 1000 }, (_, i) => {
      return `- {name: r${i}, match: 'm${i}{a="b"}', widths: [1m], aggregates: [sum]}`;
    });
    expect(rules(`rules:\n${lines.join('\n')}`)).toHaveLength(1000);
    const oneMore = `rules:\n${lines.join('\n')}\n${lines[0]}`;
    expect(faults(oneMore)).toEqual(['2:1 RULES_TOO_MANY']);
  });
});

describe('bad files, by line and column', () => {
  test.each<[why: string, text: string, faults: string[]]>([
    ['no mapping', '- a\n', ['1:1 RULES_WRONG_TYPE']],
    ['a text', 'rules', ['1:1 RULES_WRONG_TYPE']],
    ['no list', 'rules: 7', ['1:8 RULES_WRONG_TYPE']],
    ['a mapping of rules', 'rules:\n  a: {}', ['2:3 RULES_WRONG_TYPE']],
    ['unknown key', 'rule: []', ['1:1 RULES_UNKNOWN_KEY']],
    ['key twice', 'rules: []\nrules: []', ['2:1 RULES_DUPLICATE_KEY']],
    [
      'a rule that is a text',
      'rules:\n  - up\n  -\n',
      ['2:5 RULES_WRONG_TYPE', '3:4 RULES_WRONG_TYPE'],
    ],
    ['nothing in a rule', 'rules:\n  - {}', Array(4).fill('2:5 RULES_MISSING_KEY')],
    ['no aggregates', 'rules: [{name: a, match: up, widths: [1m]}]', ['1:9 RULES_MISSING_KEY']],
    ['unknown key in a rule', withLines('keepraw: no'), ['2:5 RULES_UNKNOWN_KEY']],
    ['merge key', withLines('<<: {a: b}'), ['2:5 RULES_UNKNOWN_KEY']],
    ['key twice in a rule', withLines('by: [a]', 'by: [b]'), ['3:5 RULES_DUPLICATE_KEY']],
    ['name missing', withLines('name:'), ['2:5 RULES_WRONG_TYPE']],
    ['match missing', withLines('match:'), ['2:5 RULES_WRONG_TYPE']],
    ['match a list', withLines('match: [up]'), ['2:12 RULES_WRONG_TYPE']],
    ['name no text', withLines('name: 7'), ['2:11 RULES_WRONG_TYPE']],
    ['name with a space', withLines('name: a b'), ['2:11 RULES_BAD_NAME']],
    ['name that begins with a digit', withLines('name: 5m'), ['2:11 RULES_BAD_NAME']],
    ['empty name', withLines('name: ""'), ['2:11 RULES_BAD_NAME']],
    ['name of ours', withLines('name: rollup'), ['2:11 RULES_BAD_NAME']],
    ['long name', withLines(`name: ${'a'.repeat(101)}`), ['2:11 RULES_BAD_NAME']],
    ['by and without', withLines('by: [a]', 'without: [b]'), ['3:5 RULES_BY_AND_WITHOUT']],
    ['by a text', withLines('by: a'), ['2:9 RULES_WRONG_TYPE']],
    ['by nothing', withLines('by:'), ['2:5 RULES_WRONG_TYPE']],
    ['by a number', withLines('by: [a, 7]'), ['2:13 RULES_WRONG_TYPE']],
    ['by twice the same', withLines('by: [a, b, a]'), ['2:16 RULES_DUPLICATE_ITEM']],
    ['by an empty label', withLines('by: [""]'), ['2:10 RULES_BAD_LABEL']],
    ['without the name', withLines('without: [a, __name__]'), ['2:18 RULES_BAD_LABEL']],
    ['without nothing', withLines('without: []'), ['2:14 RULES_EMPTY_LIST']],
    ['keep_raw a word', withLines('keep_raw: no'), ['2:15 RULES_WRONG_TYPE']],
    ['no widths', withLines('widths: []'), ['2:13 RULES_EMPTY_LIST']],
    ['widths a text', withLines('widths: 5m'), ['2:13 RULES_WRONG_TYPE']],
    ['width a number', withLines('widths: [60]'), ['2:14 RULES_WRONG_TYPE']],
    ['width no duration', withLines('widths: [1m, 5x]'), ['2:18 RULES_BAD_DURATION']],
    ['width too long', withLines('widths: [32d]'), ['2:14 RULES_BAD_DURATION']],
    ['width too short', withLines('widths:', '  - 0s'), ['3:9 RULES_BAD_DURATION']],
    ['equal widths', withLines('widths: [60s, 1m]'), ['2:19 RULES_DUPLICATE_ITEM']],
    ['too many widths', withLines(`widths: [${'1m,'.repeat(17)}]`), ['2:13 RULES_TOO_MANY']],
    ['no aggregate', withLines('aggregates: []'), ['2:17 RULES_EMPTY_LIST']],
    ['unknown aggregate', withLines('aggregates: [sum, mean]'), ['2:23 RULES_UNKNOWN_AGGREGATE']],
    ['quantile of', withLines('aggregates: [quantile(0.9)]'), ['2:18 RULES_UNKNOWN_AGGREGATE']],
    [
      'two distincts',
      withLines('aggregates: [distinct(a), distinct]'),
      ['2:31 RULES_TWO_DISTINCTS'],
    ],
    ['aggregate twice', withLines('aggregates: [sum, sum]'), ['2:23 RULES_DUPLICATE_ITEM']],
    ['unknown tag', 'rules: !x []', ['1:8 RULES_YAML_SYNTAX']],
    ['tab', 'rules:\n\t- a', ['2:1 RULES_YAML_SYNTAX']],
    ['unclosed', 'rules: [', ['1:9 RULES_YAML_SYNTAX']],
    ['two documents', 'rules: []\n---\nrules: []', ['2:1 RULES_YAML_SYNTAX']],
    ['no anchor', 'rules: *a', ['1:8 RULES_YAML_SYNTAX']],
    ['control character', 'rules: "\u0001"', ['1:8 RULES_WRONG_TYPE']],
  ])('%s', (_why, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  test('two rules of one name, with the line of the first', () => {
    const one = '- {name: a, match: up, widths: [1m], aggregates: [sum]}\n';
    const parsed = parseRules(`rules:\n${one}${one}`);
    expect(parsed.ok ? [] : parsed.problems).toEqual([
      {
        line: 3,
        column: 10,
        code: 'RULES_DUPLICATE_NAME',
        message: 'The rule in line 2 is named a too.',
        remedy: 'Give one of them another name: editions are told apart by it.',
      },
    ]);
  });

  test('what is meant is suggested', () => {
    const remedies = (text: string): string[] => {
      const parsed = parseRules(text);
      return parsed.ok ? [] : parsed.problems.map(({ remedy }) => remedy);
    };
    expect(remedies('rulse: []')).toEqual(['Did you mean rules?']);
    expect(remedies(withLines('keepRaw: true'))).toEqual(['Did you mean keep_raw?']);
    expect(remedies(withLines('aggregates: [cuont]'))).toEqual(['Did you mean count?']);
    expect(remedies(withLines('by: job'))[0]).toMatch(/^Write by: \[job\]/);
    expect(remedies(withLines('aggregates: [p99]'))[0]).toMatch(/^Write quantile: /);
  });

  test('all problems of a file, in its order', () => {
    const text = `rules:
  - name: a b
    match: 'up{'
    widths: [1x, 2x]
  - name: c
    aggregates: [what]
    match: up
    widths: [1m]
`;
    expect(faults(text)).toEqual([
      '2:5 RULES_MISSING_KEY',
      '2:11 RULES_BAD_NAME',
      '3:16 RULES_BAD_SELECTOR',
      '4:14 RULES_BAD_DURATION',
      '4:18 RULES_BAD_DURATION',
      '6:18 RULES_UNKNOWN_AGGREGATE',
    ]);
  });
});

describe('a fault of a selector is shown inside of its scalar', () => {
  test.each<[why: string, line: string, fault: string]>([
    ['plain', 'match: up{a=b}', '2:17'],
    ['single quotes', "match: 'up{a=b}'", '2:18'],
    ['single quotes doubled', "match: 'up{x=''y'',a=b}'", '2:26'],
    ['double quotes', 'match: "up{a=b}"', '2:18'],
    ['double quotes, escaped', 'match: "up{x=\\"y\\",a=b}"', '2:26'],
    ['double quotes, code point', 'match: "up{x=\'\\U0001F600\\u0041\\x41\',a=b}"', '2:43'],
    ['after an anchor', 'match: &m up{a=b}', '2:20'],
    ['literal block', 'match: |\n      up{\n        a=b}', '4:11'],
    ['literal block, indented more', 'match: |-\n      up{\n       a="b"\n        ,c=d}', '5:12'],
    ['literal block, end', 'match: |\n      up{a="b"', '4:1'],
    ['folded block', 'match: >\n      up{\n      a=b}', '2:12'],
    ['two lines', 'match: up{\n      a=b}', '2:12'],
    ['quotes over two lines', 'match: "up{\n      a=b}"', '2:12'],
  ])('%s', (_why, line, fault) => {
    expect(faults(withLines(line))).toEqual([`${fault} RULES_BAD_SELECTOR`]);
  });

  test('with line ends of Windows', () => {
    const text = withLines('match: |\n      up{\n        a=b}').replaceAll('\n', '\r\n');
    expect(faults(text)).toEqual(['4:11 RULES_BAD_SELECTOR']);
  });
});

describe('hostile files are refused in bounded time', () => {
  test.each<[why: string, text: string, fault: string]>([
    ['flow lists', '['.repeat(100_000), '1:33 RULES_TOO_DEEP'],
    ['flow mappings', '{a: '.repeat(100_000), '1:126 RULES_TOO_DEEP'],
    ['block lists', '- '.repeat(100_000), '1:64 RULES_TOO_DEEP'],
    ['keys of keys', '? '.repeat(100_000), '1:64 RULES_TOO_DEEP'],
    ['keys', lines(20_000, (i) => `k${i}: 1`), '1:1 RULES_UNKNOWN_KEY'],
    ['commas', `[${','.repeat(900_000)}`, '1:200001 RULES_FILE_TOO_BIG'],
    ['quotes', '"\n'.repeat(400_000), '3:1 RULES_YAML_SYNTAX'],
    ['words', `rules: [${'a,'.repeat(400_000)}]`, '1:133339 RULES_FILE_TOO_BIG'],
    ['bytes', `rules: [] #${'é'.repeat(524_288)}`, '1:1 RULES_FILE_TOO_BIG'],
    ['aliases', `rules: &a [${'*a,'.repeat(900)}]`, '1:11 RULES_WRONG_TYPE'],
  ])('%s', (_why, text, fault) => {
    const found = faults(text);
    expect(found).toContain(fault);
    expect(found.length).toBeLessThanOrEqual(100);
  });

  test('aliases of aliases are never multiplied', () => {
    const levels = Array.from({ length: 30 }, (_, i) => {
      return `k${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`;
    });
    const text = `k0: &a0 x\n${levels.join('\n')}\nrules: *a30\n`;
    const otherKeys = Array.from({ length: 31 }, (_, i) => `k${i}`);
    const parsed = parseRules(text, { otherKeys });
    const codes = parsed.ok ? [] : parsed.problems.map(({ code }) => code);
    expect(codes).toEqual(['RULES_WRONG_TYPE']);
  });

  test('aliases are counted', () => {
    const rule = '- {name: *n, match: up, widths: *w, aggregates: [sum]}\n';
    const text = `x: [&n a, &w [1m]]\nrules:\n${rule.repeat(60)}`;
    const parsed = parseRules(text, { otherKeys: ['x'] });
    const codes = parsed.ok ? [] : parsed.problems.map(({ code }) => code);
    expect(new Set(codes)).toContain('RULES_TOO_MANY_ALIASES');
  });

  test('noise is refused or empty, never an exception', () => {
    const word = fc.constantFrom(
      'rules:',
      '- ',
      '  ',
      '\n',
      '[',
      ']',
      '{',
      '}',
      ': ',
      '&a ',
      '*a',
      '!!map ',
      '|',
      '>',
      '"',
      "'",
      '#',
      'name',
      'match',
      'by',
      'widths',
      'up',
      '1m',
      '? ',
      '---',
      '...',
      '%YAML 1.1\n',
      '<<',
      '\t',
      ',',
      '!!binary ',
      '~',
    );
    const noise = fc.oneof(
      fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
      fc.array(word, { maxLength: 40 }).map((words) => `rules:\n - ${words.join('')}`),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    fc.assert(
      fc.property(noise, (text) => {
        const parsed = parseRules(text);
        const problems = parsed.ok ? [] : parsed.problems;
        expect(parsed.ok).toBe(problems.length === 0);
        for (const { line, column, message, remedy } of problems) {
          expect(line >= 1 && column >= 1 && message !== '' && remedy !== '').toBe(true);
          expect(line).toBeLessThanOrEqual(text.split('\n').length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('the JSON Schema knows the keys of the parser', () => {
  const schema = RULE_FILE_SCHEMA as {
    $defs: {
      rule: {
        properties: Record<string, unknown>;
        required: string[];
        anyOf: [{ required: string[] }, { propertyNames: { enum: string[] } }];
      };
    };
  };
  const { properties, required, anyOf } = schema.$defs.rule;
  const [folding, dropping] = anyOf;
  const remedy = /known here are (.*)\./;
  const parsed = parseRules('rules: [{zzzzzzzzzz: 1}]');
  const problems = parsed.ok ? [] : parsed.problems;
  const known = problems.map((problem) => remedy.exec(problem.remedy)?.[1]).find(Boolean);
  expect(known?.split(', ').sort()).toEqual(Object.keys(properties).sort());
  const missing = problems.map(({ message }) => /has no (.*)\./.exec(message)?.[1]);
  expect(new Set(missing.filter(Boolean))).toEqual(new Set([...required, ...folding.required]));
  const alone = dropping.propertyNames.enum;
  const others = Object.keys(properties).filter((key) => !alone.includes(key));
  const also = others.map((key) => `${key}: []`).join(', ');
  const beside = parseRules(`rules: [{name: a, match: up, drop: true, ${also}}]`);
  const refused = (beside.ok ? [] : beside.problems).flatMap(({ code, message }) =>
    code === RuleFault.dropAlone ? [/so (.*) means/.exec(message)?.[1]] : [],
  );
  expect(new Set(refused)).toEqual(new Set(others));
});

describe('a rule that drops', () => {
  test('has a name, a selector, and nothing else', () => {
    const parsed = parseRules('rules: [{name: noise, match: "debug_.+", drop: true}]');
    expect(parsed.ok).toBe(false);
    const sound = parseRules(`rules: [{name: noise, match: '{__name__=~"debug_.+"}', drop: true}]`);
    expect(sound).toMatchObject({
      ok: true,
      file: { rules: [{ name: 'noise', drop: true }] },
      compiled: { rules: [{}, { drop: true, widthsUs: [], columns: [], keepRaw: false }] },
    });
  });

  test('is one like any other when it says drop: false', () => {
    const parsed = parseRules('rules: [{name: a, match: up, drop: false}]');
    const missing = (parsed.ok ? [] : parsed.problems).map(({ code }) => code);
    expect(missing).toEqual([RuleFault.missingKey, RuleFault.missingKey]);
    const text = 'rules: [{name: a, match: up, drop: false, widths: [1m], aggregates: [sum]}]';
    const whole = parseRules(text);
    expect(whole.ok && whole.compiled.rules[1]).not.toHaveProperty('drop');
  });

  test('is refused for what is no flag', () => {
    const parsed = parseRules('rules: [{name: a, match: up, drop: 1}]');
    expect(parsed.ok ? [] : parsed.problems).toContainEqual(
      expect.objectContaining({ code: RuleFault.wrongType }),
    );
  });
});

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n');
}
