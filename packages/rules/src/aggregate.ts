import { STATE_COLUMNS, type StateColumn } from './compiled-rule.ts';
import { nearestWord } from '@millrace/runtime';
import { AGGREGATES, RULE_LABEL_CHARS_MAX, type Aggregate, type AggregateName } from './rule.ts';

/** What each aggregate is computed from, beside the count of samples every piece has. */
const COLUMNS_OF: Readonly<Record<AggregateName, readonly StateColumn[]>> = {
  count: [],
  sum: ['sum'],
  avg: ['sum'],
  min: ['min'],
  max: ['max'],
  first: ['first'],
  last: ['last'],
  quantile: ['histogram'],
  distinct: ['distinct'],
  sum_last: ['inputs'],
  avg_last: ['inputs'],
  count_series: ['inputs'],
  increase: ['increase'],
  rate: ['increase'],
};

/** What people call them elsewhere. */
const OTHER_NAMES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^(mean|average)$/, 'avg'],
  [/^(p\d+|median|percentiles?|quantiles?\(.*\)|quantiles|histogram)$/, 'quantile'],
  [/^(uniq|unique|unique_samples|cardinality|count_distinct|distinct_count)$/, 'distinct'],
  [/^(total|delta|increase_pure)$/, 'increase'],
  [/^(rate_sum|rate_avg|per_second)$/, 'rate'],
  [/^(samples|count_samples)$/, 'count'],
];

const DISTINCT_LABEL = /^distinct\(\s*(?:"([^"\\]+)"|([^\s"'()\\]+))\s*\)$/;

/** Undefined when the text names no aggregate. */
export function parseAggregate(text: string): Aggregate | undefined {
  const found = DISTINCT_LABEL.exec(text);
  const label = found?.[1] ?? found?.[2];
  if (label !== undefined) {
    return label.length > RULE_LABEL_CHARS_MAX ? undefined : { name: 'distinct', label };
  }
  const name = AGGREGATES.find((known) => known === text);
  return name === undefined ? undefined : { name };
}

/** The aggregate that was probably meant. */
export function suggestAggregate(text: string): string | undefined {
  const lower = text.toLowerCase();
  const other = OTHER_NAMES.find(([pattern]) => pattern.test(lower));
  return other?.[1] ?? nearestWord(text, AGGREGATES);
}

export function formatAggregate({ name, label }: Aggregate): string {
  if (label === undefined) return name;
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(label) ? `${name}(${label})` : `${name}("${label}")`;
}

/** In the order of AGGREGATES, so that equal rules are equal bytes. */
export function sortAggregates(aggregates: readonly Aggregate[]): Aggregate[] {
  return [...aggregates].sort((a, b) => AGGREGATES.indexOf(a.name) - AGGREGATES.indexOf(b.name));
}

/** The state columns that the aggregates need, in the order of STATE_COLUMNS. */
export function columnsOf(aggregates: readonly Aggregate[]): StateColumn[] {
  const needed = new Set<StateColumn>(['count']);
  for (const { name } of aggregates) for (const column of COLUMNS_OF[name]) needed.add(column);
  return STATE_COLUMNS.filter((column) => needed.has(column));
}
