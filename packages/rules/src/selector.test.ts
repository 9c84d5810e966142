import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSelector, selectedMetric, type Matcher } from './selector.ts';

/** Matchers as `name operator "value"`, or the column and beginning of the fault. */
function parsed(text: string): string[] | string {
  const result = parseSelector(text);
  if (!result.ok) return `${result.fault.column}: ${result.fault.message}`;
  return result.selector.matchers.map(
    ({ name, operator, value }) => `${name} ${operator} ${JSON.stringify(value)}`,
  );
}

describe('good selectors', () => {
  test.each<[text: string, matchers: string[]]>([
    ['up', ['__name__ = "up"']],
    ['  job:up:rate5m  ', ['__name__ = "job:up:rate5m"']],
    ['up{}', ['__name__ = "up"']],
    ['{}', []],
    ['sum', ['__name__ = "sum"']],
    [
      'a{b="c",d!="e",f=~"g.*",h!~"i|j"}',
      ['__name__ = "a"', 'b = "c"', 'd != "e"', 'f =~ "g.*"', 'h !~ "i|j"'],
    ],
    ['{b="c",}', ['b = "c"']],
    ['a { b = "c" , d =~ "e" }', ['__name__ = "a"', 'b = "c"', 'd =~ "e"']],
    ['a{\n  b="c", # why\n  d="e"\n} # done', ['__name__ = "a"', 'b = "c"', 'd = "e"']],
    ['{"name.with.dots"}', ['__name__ = "name.with.dots"']],
    [
      '{"name.with.dots", "label.too"="b", c="d"}',
      ['__name__ = "name.with.dots"', 'label.too = "b"', 'c = "d"'],
    ],
    ["{'a', b='c'}", ['__name__ = "a"', 'b = "c"']],
    ['{`a\\b`, c=`d"\'\ne`}', ['__name__ = "a\\\\b"', 'c = "d\\"\'\\ne"']],
    ['{__name__=~"a|b",__name__!="c"}', ['__name__ =~ "a|b"', '__name__ != "c"']],
    ['{a="1",a!="2"}', ['a = "1"', 'a != "2"']],
    ['a{by="c",on="d",inf="e"}', ['__name__ = "a"', 'by = "c"', 'on = "d"', 'inf = "e"']],
    ['{a="",b=~""}', ['a = ""', 'b =~ ""']],
    ['{a="# no comment"}', ['a = "# no comment"']],
    ['{a="\\a\\b\\f\\n\\r\\t\\v\\\\\\""}', ['a = "\\u0007\\b\\f\\n\\r\\t\\u000b\\\\\\""']],
    ["{a='\\''}", ['a = "\'"']],
    ['{a="\\x41\\101\\u00e9\\U0001F600\\xc3\\xa9"}', ['a = "AAé😀é"']],
    ['{a="é😀"}', ['a = "é😀"']],
    ['{a="\ufeffb"}', ['a = "\ufeffb"']],
  ])('%j', (text, matchers) => {
    expect(parsed(text)).toEqual(matchers);
  });
});

describe('faults name their column', () => {
  test.each<[text: string, fault: string]>([
    ['', '1: A metric name or { is expected here.'],
    ['  ', '3: A metric name or { is expected here.'],
    ['5xx', '1: A metric name or { is expected here.'],
    ['"quoted"', '1: A metric name or { is expected here.'],
    ['a b', '3: The selector ends before this.'],
    ['a[5m]', '2: The selector ends before this.'],
    ['a{b="c"} offset 5m', '10: The selector ends before this.'],
    ['sum(a)', '4: The selector ends before this.'],
    ['a{', '3: A label name is expected here.'],
    ['a{,}', '3: A label name is expected here.'],
    ['a{b="c",,}', '9: A label name is expected here.'],
    ['a{b}', '4: One of = != =~ !~ is expected here.'],
    ['a{b:c="d"}', '4: One of = != =~ !~ is expected here.'],
    ['a{b<"c"}', '4: One of = != =~ !~ is expected here.'],
    ['a{b=="c"}', '5: A value in quotes is expected here.'],
    ['a{b=c}', '5: A value in quotes is expected here.'],
    ['a{b=', '5: A value in quotes is expected here.'],
    ['a{b="c" d="e"}', '9: A comma or } is expected here.'],
    ['a{b="c"', '8: A comma or } is expected here.'],
    ['a{b="c}', '5: The string does not end.'],
    ['a{b="c\nd"}', '5: The string does not end.'],
    ['a{b="c\\', '7: This escape is not known.'],
    ['a{b="\\q"}', '6: This escape is not known.'],
    ['a{b="\\\'"}', '6: This escape is not known.'],
    ['a{b="\\08"}', '6: This escape is not known.'],
    ['a{b="\\777"}', '6: An octal escape ends at \\377.'],
    ['a{b="\\x4"}', '6: This escape is not known.'],
    ['a{b="\\ud800"}', '6: This escape is not a character of Unicode.'],
    ['a{b="\\U00110000"}', '6: This escape is not a character of Unicode.'],
    ['a{b="\\xff"}', '5: The bytes of this string are not UTF-8.'],
    ['{""}', '2: A label name is expected here.'],
    ['{""="a"}', '2: A label name is expected here.'],
    ['a{"b"}', '3: The metric name is asked for twice.'],
    ['{"a","b"}', '6: The metric name is asked for twice.'],
    ['a{b="c",__name__=~"d"}', '9: The metric name is asked for twice.'],
    ['{__name__=~"d", "a"}', '17: The metric name is asked for twice.'],
    ['a{b="c",d=~"e["}', '12: The regular expression is not valid: '],
    ['a{b!~"(?=c)"}', '6: The regular expression is not valid: '],
    ['a{b=~"c)|(d"}', '6: The regular expression is not valid: '],
    ['a{b=~"c{1001}"}', '6: The regular expression is not valid: '],
    ['a{b=~"((c{100}){100}){100}"}', '6: The regular expression is not valid: '],
    [`a{b="${'c'.repeat(4096)}"}`, '1: The selector is longer than 4096 characters.'],
    [`{${'b="",'.repeat(65)}}`, '322: More than 64 matchers.'],
  ])('%j', (text, fault) => {
    const result = parsed(text);
    expect(typeof result === 'string' ? result.slice(0, fault.length) : result).toBe(fault);
  });
});

describe('any selector', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  const matcher: fc.Arbitrary<Matcher> = fc.record({
    name: fc.oneof(
      fc.constantFrom('job', 'a_b1', '__name__'),
      text.filter((name) => name !== ''),
    ),
    operator: fc.constantFrom('=', '!='),
    value: text,
  });
  const quoted = (value: string): string => {
    const escaped = Array.from(value, (char) => `\\U${hex8(char.codePointAt(0) ?? 0)}`);
    return `"${escaped.join('')}"`;
  };
  const hex8 = (code: number): string => code.toString(16).padStart(8, '0');

  test('is read back from its escaped text', () => {
    fc.assert(
      fc.property(fc.array(matcher, { maxLength: 8 }), (matchers) => {
        const parts = matchers.map(({ name, operator, value }) => {
          return `${quoted(name)}${operator}${quoted(value)}`;
        });
        const written = `{${parts.join(', ')}}`;
        const result = parseSelector(written);
        expect(result).toEqual({ ok: true, selector: { text: written, matchers } });
      }),
    );
  });

  test('of noise is a fault within the text, never an exception', () => {
    const piece = fc.constantFrom(
      'a',
      '{',
      '}',
      '=',
      '!',
      '~',
      '"',
      "'",
      '`',
      '\\',
      ',',
      '#',
      '\n',
    );
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(piece, fc.string({ maxLength: 2 }))).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(noise, (written) => {
        const result = parseSelector(written);
        const column = result.ok ? 1 : result.fault.column;
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(written.length + 1);
      }),
      { numRuns: 3000 },
    );
  });
});

test.each([
  ['a{b="c"}', 'a'],
  ['{__name__="a"}', 'a'],
  ['{"a b"}', 'a b'],
  ['{__name__!="a"}', undefined],
  ['{__name__=~"a"}', undefined],
  ['{__name__=""}', undefined],
  ['{}', undefined],
])('the metric of %j is %j', (text, metric) => {
  const result = parseSelector(text);
  expect(result.ok && selectedMetric(result.selector)).toBe(metric);
});
