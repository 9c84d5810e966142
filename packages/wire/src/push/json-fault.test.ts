import { expect, test } from 'vitest';
import { DecodeError } from '../samples/decode-error.ts';
import { jsonFault } from './json-fault.ts';
import { decodeAll } from './testing/recording-push-sink.ts';

function detail(body: string): string {
  try {
    decodeAll(body, 'json');
  } catch (error) {
    if (error instanceof DecodeError) return error.detail;
    throw error;
  }
  return 'nothing';
}

// As Python, Go templates and shell scripts write it.
const cases: [body: string, told: string][] = [
  ['{"name":"a","value":NaN}', 'NaN is no JSON: write "NaN", with its quotation marks, at byte 20'],
  [
    '[{"name":"ü","value":1},{"name":"NaN","value": -Infinity}]',
    '-Infinity is no JSON: write "-Inf", with its quotation marks, at byte 48',
  ],
  [
    '{"name":"\\"","value":inf}',
    'inf is no JSON: write "+Inf", with its quotation marks, at byte 21',
  ],
  ['{"name":"a","value":nan}', 'nan is no JSON: write "NaN", with its quotation marks, at byte 20'],
  ['{"name":"a","value":1,"time":None}', 'None is no JSON: leave the field out, at byte 29'],
];
test.each(cases)('what other languages write is named: %s', (body, told) => {
  expect(detail(body)).toBe(told);
});

test('a word within a text is none', () => {
  expect(detail('{"name":"NaN","value":"NaN"}')).toBe('nothing');
  expect(detail('[{"name":"a","value":1},{"name":"NaN","value":01}]')).toMatch(
    /, in the sample that begins at byte 24$/,
  );
});

test('a text that is not ended is looked through once, however many quotation marks it has', () => {
  const error = new SyntaxError('broken');
  const broken = { what: 'broken', atByte: undefined };
  for (const text of ['1 "\\" NaN', '{"a":"\\\n\\" NaN', '{"a":"\\" NaN \\']) {
    expect(jsonFault(text, error)).toEqual(broken);
  }
  // Of a quarter of what a sample may have. Anew at each of them it takes longer than a test may.
  expect(jsonFault(`1 "${'\\"'.repeat(128 * 1024)}`, error)).toEqual(broken);
});
