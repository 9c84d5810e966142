import type { DiffCounts } from '@millrace/store';
import type { Colours } from '../console-output.ts';
import { formatBytes } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { RuleDiff, RulesDiff, ShownChange } from './diff-rules.ts';

/** What would be shown otherwise, rule by rule. */
export function formatRulesDiff(diff: RulesDiff, colours: Colours): string {
  const { number, since, rules, added, removed } = diff;
  return [
    `in force → ${number}, windows that start from ${since} on`,
    ...(rules.length === 0 ? [] : ['', countsTable(rules, colours)]),
    ...added.map((rule) => colours.green(`+ ${rule}: only in ${number}`)),
    ...removed.map((rule) => colours.red(`- ${rule}: only in force`)),
    ...rules.flatMap((one) => leftOutLines(one)),
    ...rules.flatMap((one) => changesOf(one, colours)),
  ].join('\n');
}

function countsTable(rules: readonly RuleDiff[], colours: Colours): string {
  const numbers = ['equal', 'changed', 'added', 'removed'] as const;
  const columns = [
    ...[{ title: 'rule' }, { title: 'of' }],
    ...numbers.map((title) => ({ title, align: 'right' as const })),
    { title: 'in all', align: 'right' as const },
    { title: 'size', align: 'right' as const },
  ];
  const cells = (counts: DiffCounts): string[] => numbers.map((name) => number(counts[name]));
  const rows = rules.flatMap(({ rule, windows, series, size: { before, after } }) => [
    [
      ...[rule, 'windows', ...cells(windows)],
      `${number(before.rows)} → ${number(after.rows)} rows`,
      `${formatBytes(before.bytes)} → ${formatBytes(after.bytes)}`,
    ],
    ['', 'series', ...cells(series), `${number(before.series)} → ${number(after.series)}`, ''],
  ]);
  return formatTable(columns, rows, colours);
}

function leftOutLines({ rule, leftOut: { incomplete, partial } }: RuleDiff): string[] {
  if (incomplete + partial === 0) return [];
  return [
    `${rule}: ${number(incomplete)} windows that still grow and ${number(partial)} partial ones ` +
      'were left out.',
  ];
}

function changesOf({ rule, changes }: RuleDiff, colours: Colours): string[] {
  if (changes.length === 0) return [];
  const columns = [
    ...[{ title: 'window' }, { title: 'series' }, { title: 'column' }],
    { title: 'before', align: 'right' as const },
    { title: 'after', align: 'right' as const },
    { title: 'change', align: 'right' as const },
  ];
  return ['', `${rule}, the largest changes:`, formatTable(columns, changes.map(row), colours)];
}

function row({ series, width, start, column, before, after, relative }: ShownChange): string[] {
  return [
    ...[`${start} +${width}`, series, column],
    ...[value(before), value(after)],
    `${(100 * relative).toPrecision(3)} %`,
  ];
}

function value(one: number | null): string {
  return one === null ? '–' : String(Number(one.toPrecision(9)));
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
