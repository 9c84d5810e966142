import type { Label } from '@millrace/model';
import { describe, expect, test } from 'vitest';
import { canonicalLabels, checkLabels } from './check-labels.ts';
import { DEFAULT_LABEL_LIMITS } from './label-limits.ts';

const NAME: Label = ['__name__', 'up'];
const many = (count: number): Label[] =>
  Array.from({ length: count }, (_, i): Label => [`l${i}`, 'x']);

describe('labels that are accepted', () => {
  const cases: [string, Label[]][] = [
    ['a name alone', [NAME]],
    ['any order', [['z', '1'], NAME, ['a', '2']]],
    [
      'text of any script, in names too',
      [
        ['größe', '大'],
        ['__name__', 'température 🌡'],
      ],
    ],
    ['words that mean something to JavaScript', [NAME, ['__proto__', 'a'], ['constructor', 'b']]],
    ['as many as allowed beside the name', [NAME, ...many(64)]],
    ['the longest name', [['__name__', 'n'.repeat(256)]]],
    ['the longest label', [NAME, ['n'.repeat(256), 'v'.repeat(1024)]]],
    ['the longest label of three bytes a character', [NAME, ['a', '大'.repeat(341)]]],
    ['an empty value, which canonicalLabels takes away', [NAME, ['a', '']]],
  ];
  test.each(cases)('%s', (_, labels) => {
    expect(checkLabels(labels)).toBeUndefined();
  });
});

describe('labels that are refused', () => {
  const cases: [reason: string, detail: RegExp, labels: Label[]][] = [
    ['missing_name', /__name__/, []],
    ['missing_name', /__name__/, [['a', 'b']]],
    ['invalid_name', /empty/, [['__name__', '']]],
    ['name_too_long', /256 bytes/, [['__name__', 'n'.repeat(257)]]],
    ['invalid_label_name', /"v"/, [NAME, ['', 'v']]],
    ['label_name_too_long', /256 bytes/, [NAME, ['ö'.repeat(129), '']]],
    ['label_value_too_long', /"a".*1024 bytes/, [NAME, ['a', 'v'.repeat(1025)]]],
    ['label_value_too_long', /"a".*1024 bytes/, [NAME, ['a', '大'.repeat(342)]]],
    ['duplicate_label', /"a"/, [NAME, ['a', '1'], ['a', '2']]],
    ['duplicate_label', /"a"/, [['a', '1'], NAME, ['b', '2'], ['a', '1']]],
    ['duplicate_label', /"__name__"/, [NAME, NAME]],
    ['too_many_labels', /65 labels, the limit is 64/, [NAME, ...many(65)]],
    ['nul_in_label', /u0000/, [NAME, ['a', 'b\0']]],
    ['nul_in_label', /u0000/, [NAME, ['\0', 'b']]],
    ['nul_in_label', /u0000/, [['__name__', 'a\0b']]],
    ['invalid_utf8', /ud800/, [NAME, ['a', '\ud800']]],
    ['invalid_utf8', /udc00/, [NAME, ['\udc00a', 'b']]],
    ['invalid_utf8', /udc00/, [['__name__', '\udc00\ud800']]],
  ];
  test.each(cases)('%s %s', (reason, detail, labels) => {
    expect(checkLabels(labels)).toEqual({ reason, detail: expect.stringMatching(detail) });
  });

  test('their detail is short, however long they are', () => {
    const broken = checkLabels([NAME, ['\0'.repeat(100_000), '\n'.repeat(100_000)]]);
    expect(broken?.detail.length).toBeLessThan(1000);
  });
});

test('limits are the caller’s', () => {
  const limits = { ...DEFAULT_LABEL_LIMITS, labelsMax: 1, labelValueBytesMax: 3 };
  expect(checkLabels([NAME, ['a', 'abc']], limits)).toBeUndefined();
  expect(checkLabels([NAME, ['a', 'abcd']], limits)?.reason).toBe('label_value_too_long');
  expect(checkLabels([NAME, ['a', ''], ['b', '']], limits)?.reason).toBe('too_many_labels');
});

test('canonical labels are sorted by bytes and have no empty values', () => {
  const labels: Label[] = [
    ['ｚ', '1'],
    ['😀', '2'],
    ['a', ''],
    ['a', '3'],
    ['B', '4'],
  ];
  expect(canonicalLabels(labels)).toEqual([
    ['B', '4'],
    ['a', '3'],
    ['ｚ', '1'],
    ['😀', '2'],
  ]);
});
