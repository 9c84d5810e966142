import { REPLAYED_TABLES, type ReplayReport } from '@millrace/audit';
import type { Colours } from '../console-output.ts';
import { formatDurationMs } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import { findingLines, list, partitionTable } from './audit-text.ts';

/** The report for people; the JSON has it all. */
export function formatReplay(report: ReplayReport, colours: Colours): string {
  const { findings, notProven, notes } = report;
  return [
    headline(report, colours),
    '',
    differenceTable(report, colours),
    '',
    partitionTable(report, colours),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, colours)]),
    ...list('Not compared:', notProven, colours.yellow),
    ...list('Beside:', notes, colours.dim),
  ].join('\n');
}

function headline(report: ReplayReport, colours: Colours): string {
  const { outcome, samples, samplesPerSecond, durationMs, since, until } = report;
  const { repaired, passedOver, refused } = report;
  const sum = (key: 'missing' | 'changed' | 'unexpected'): number =>
    REPLAYED_TABLES.reduce((total, table) => total + report.tables[table][key], 0);
  const counts =
    `${sum('missing')} missing, ${sum('changed')} changed, ` + `${sum('unexpected')} unexpected`;
  const moved =
    (passedOver === 0 ? '' : `; ${passedOver} had changed meanwhile and were looked at again`) +
    (refused === 0 ? '' : `; ${refused} were refused by the database`);
  const verdict = {
    same: colours.green(`${counts}: the store is what the log says`),
    beside: colours.red(`${counts}; what is not repaired here differs, see below`),
    different: colours.red(`${counts}: the store is not what the log says`),
    repaired:
      `${counts}; ${repaired} rows repaired${moved}\n` +
      colours.green('looked at again: 0 missing, 0 changed, 0 unexpected'),
  }[outcome];
  const range = [
    ...(since === undefined ? [] : [`from ${since}`]),
    ...(until === undefined ? [] : [`until ${until}`]),
  ];
  return [
    verdict,
    `${samples} samples folded again; ${formatDurationMs(durationMs)}, ${samplesPerSecond} samples/s`,
    ...(range.length === 0 ? [] : [`looked at: ${range.join(', ')}`]),
  ].join('\n');
}

function differenceTable({ tables }: ReplayReport, colours: Colours): string {
  const columns = ['rows of', 'compared', 'missing', 'changed', 'unexpected'] as const;
  return formatTable(
    columns.map((title, i) => (i === 0 ? { title } : { title, align: 'right' })),
    REPLAYED_TABLES.map((table) => {
      const { rows, missing, changed, unexpected } = tables[table];
      return [table, ...[rows, missing, changed, unexpected].map(String)];
    }),
    colours,
  );
}
