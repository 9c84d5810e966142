import { sortLabels, type LabelSet } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileSelector } from './selector-match.ts';
import type { Matcher } from './selector.ts';

function matches(matchers: readonly Matcher[], labels: Record<string, string>): boolean {
  const set: LabelSet = sortLabels(Object.entries(labels));
  return compileSelector({ text: '', matchers })(set);
}

/** The definition, word by word, with the regular expressions of the language. */
function naive(matchers: readonly Matcher[], labels: Record<string, string>): boolean {
  return matchers.every(({ name, operator, value }) => {
    const text = Object.hasOwn(labels, name) ? labels[name]! : '';
    if (operator === '=') return text === value;
    if (operator === '!=') return text !== value;
    const whole = new RegExp(`^(?:${value})$`, 'su').test(text);
    return operator === '=~' ? whole : !whole;
  });
}

const name = fc.constantFrom('__name__', 'job', 'code', 'zone');
const value = fc.constantFrom('', 'a', 'ab', 'abc', 'b', '404', '500', 'a\nb', 'é', '😀');
/** Patterns that mean the same in both dialects. */
const pattern = fc.constantFrom(
  '',
  '.*',
  '.+',
  'a',
  'a|b',
  'a.*',
  '.*b',
  '[0-9]+',
  '4..',
  '5..|4..',
  'a.b',
  '(?:ab)?',
  '.',
  '^a$',
  'é|😀',
  'a|',
  '(a|ab)(c|bcd)?',
  '[^a]*',
);
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({ name, operator: fc.constantFrom('=' as const, '!=' as const), value }),
  fc.record({ name, operator: fc.constantFrom('=~' as const, '!~' as const), value: pattern }),
);

describe('matching', () => {
  test('is what a naive matcher says', () => {
    fc.assert(
      fc.property(
        fc.array(matcher, { maxLength: 4 }),
        fc.dictionary(name, value),
        (matchers, labels) => {
          expect(matches(matchers, labels)).toBe(naive(matchers, labels));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('a pattern that makes backtracking engines hang is done in linear time', () => {
    // Backtracking needs 2^20000 steps for this: the test would never end.
    const labels = { a: `${'a'.repeat(20_000)}!` };
    expect(matches([{ name: 'a', operator: '=~', value: '(a+)+$' }], labels)).toBe(false);
    expect(matches([{ name: 'a', operator: '=~', value: '(a|aa)+' }], labels)).toBe(false);
    expect(matches([{ name: 'a', operator: '!~', value: '(.*)*b(.*)*' }], labels)).toBe(true);
  });

  test('the dot matches line ends, and $ is not content with the end of a line', () => {
    expect(matches([{ name: 'a', operator: '=~', value: 'b.c' }], { a: 'b\nc' })).toBe(true);
    expect(matches([{ name: 'a', operator: '=~', value: '(?m)b$' }], { a: 'b\nc' })).toBe(false);
    expect(matches([{ name: 'a', operator: '=~', value: 'b$' }], { a: 'b\n' })).toBe(false);
  });
});
