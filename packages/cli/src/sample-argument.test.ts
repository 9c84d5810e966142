import { formatLabels } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSampleArgument, SampleArgumentError } from './sample-argument.ts';

function admitted(text: string) {
  const read = readSampleArgument(text);
  if (read.isRefused) throw new Error(`refused: ${read.reason}: ${read.detail}`);
  return { series: formatLabels(read.labels), timeUs: read.timeUs, kind: read.kind };
}

test.each<[text: string, series: string, timeUs?: number]>([
  ['up', 'up'],
  ['  up 1 ', 'up'],
  ['up 1 1700000000123', 'up', 1_700_000_000_123_000],
  ['up 1e3 1700000000000.5', 'up', 1_700_000_000_000_500],
  ['up NaN 2026-01-01T00:00:00Z', 'up', 1_767_225_600_000_000],
  ['up{b="x y",a="}"} -Inf 2026-01-01T01:00:00+01:00', 'up{a="}",b="x y"}', 1_767_225_600_000_000],
  [`up {a = 'b',} +inf`, 'up{a="b"}'],
  ['up{a="b",empty=""} 1', 'up{a="b"}'],
  ['{"name.with.dots","a.b"="c"} 3', 'name.with.dots{a.b="c"}'],
  ['{__name__="up",__proto__="x"}', 'up{__proto__="x"}'],
])('%j is %s', (text, series, timeUs) => {
  expect(admitted(text)).toEqual({ series, timeUs, kind: 'unknown' });
});

test('JSON is read as the receiver reads it', () => {
  const json = '{"name": "a", "labels": {"b": "c"}, "value": 1, "kind": "counter", "time": 5}';
  expect(admitted(json)).toEqual({ series: 'a{b="c"}', timeUs: 5000, kind: 'cumulative' });
  expect(readSampleArgument('{"name": "a", "valeu": 1}')).toMatchObject({
    isRefused: true,
    reason: 'unknown_field',
    remedy: expect.stringContaining('Use only name'),
  });
});

test.each([
  ['{} 1', 'missing_name'],
  ['up 1 1e99', 'invalid_time'],
  ['up 1 1795998558', 'time_out_of_range'],
  ['up one', 'invalid_value'],
  [`up{a="${'x'.repeat(1025)}"}`, 'label_value_too_long'],
])('what the receiver would refuse is told as refused: %#', (text, reason) => {
  expect(readSampleArgument(text)).toMatchObject({ isRefused: true, reason });
});

test.each([
  ['', 'column 1'],
  ['up{a="b"', 'column 9'],
  ['up{a=~"b"}', 'for selectors'],
  ['up{a="b",a="b"}', 'twice'],
  ['up 1 2 3', 'behind value and time'],
  ['{"name": "a"', 'Write it as'],
  ['{"samples": []}', 'no sample in the body'],
  ['{"samples": [{"name":"a","value":1},{"name":"b","value":1}]}', '2 samples'],
])('%j is no sample', (text, message) => {
  expect(() => readSampleArgument(text)).toThrow(SampleArgumentError);
  expect(() => readSampleArgument(text)).toThrow(message);
});

describe('any series', () => {
  const label = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((name) => name !== '__name__');
  const value = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });

  test('is read back from how it is written', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          label,
          value.filter((text) => !text.includes('\0')),
        ),
        fc.option(fc.double({ noNaN: true })),
        (labels, number) => {
          const pairs = Object.entries(labels).map(([name, text]) => {
            return `${name}=${JSON.stringify(text)}`;
          });
          const text = `m{${pairs.join(',')}}${number === null ? '' : ` ${number}`}`;
          const read = readSampleArgument(text);
          expect(read).toMatchObject({ isRefused: false });
          const found = read.isRefused ? [] : read.labels;
          expect(Object.fromEntries(found)).toEqual({ __name__: 'm', ...labels });
        },
      ),
    );
  });
});
