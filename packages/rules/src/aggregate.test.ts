import { describe, expect, test } from 'vitest';
import { columnsOf, formatAggregate, parseAggregate, suggestAggregate } from './aggregate.ts';
import { AGGREGATES } from './rule.ts';

describe('aggregates', () => {
  test.each(AGGREGATES)('%s is read and printed', (name) => {
    expect(parseAggregate(name)).toEqual({ name });
    expect(formatAggregate({ name })).toBe(name);
    expect(columnsOf([{ name }])[0]).toBe('count');
  });

  test.each([
    ['distinct(user)', 'user', 'distinct(user)'],
    ['distinct( user_id )', 'user_id', 'distinct(user_id)'],
    ['distinct("user id")', 'user id', 'distinct("user id")'],
    ['distinct(user.id)', 'user.id', 'distinct("user.id")'],
  ])('%s counts values of %j', (text, label, printed) => {
    const aggregate = parseAggregate(text);
    expect(aggregate).toEqual({ name: 'distinct', label });
    expect(formatAggregate({ name: 'distinct', label })).toBe(printed);
    expect(parseAggregate(printed)).toEqual(aggregate);
  });

  test.each(['', 'Sum', 'sum ', 'distinct()', 'distinct(a', 'distinct("a"b)', 'sum(a)'])(
    '%j is none',
    (text) => expect(parseAggregate(text)).toBeUndefined(),
  );

  test.each([
    ['cuont', 'count'],
    ['SUM', 'sum'],
    ['mean', 'avg'],
    ['p99', 'quantile'],
    ['quantile(0.99)', 'quantile'],
    ['unique', 'distinct'],
    ['lastvalue', undefined],
    ['x'.repeat(1000), undefined],
  ])('for %s, %s is suggested', (text, suggestion) => {
    expect(suggestAggregate(text)).toBe(suggestion);
  });

  test('name the columns they are computed from, each once', () => {
    const aggregates = ['rate', 'avg', 'increase', 'sum', 'count_series', 'sum_last'] as const;
    expect(columnsOf(aggregates.map((name) => ({ name })))).toEqual([
      'count',
      'sum',
      'increase',
      'inputs',
    ]);
    expect(columnsOf([{ name: 'quantile' }, { name: 'distinct', label: 'a' }])).toEqual([
      'count',
      'histogram',
      'distinct',
    ]);
  });
});
