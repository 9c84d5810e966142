import type { LedgerCounts, LedgerReport, LedgerRow } from '@millrace/store';
import type { Colours } from './console-output.ts';
import { formatTimeUs } from './quantities.ts';
import { formatTable } from './text-table.ts';

const COLUMNS = [
  ['accepted', 'accepted'],
  ['stored', 'stored'],
  ['duplicate', 'duplicate'],
  ['conflict', 'conflict'],
  ['dropped', 'dropped'],
  ['unverified', 'unverified'],
  ['dead letter', 'deadLetter'],
  ['lost', 'lost'],
] as const satisfies readonly (readonly [title: string, column: keyof LedgerCounts])[];

/** The ledger for people: a line for each tenant and partition, then reasons, then the verdict. */
export function formatLedger(report: LedgerReport, colours: Colours): string {
  const { rows, totals } = report;
  if (rows.length === 0) return 'Nothing was accepted yet, as far as it is published.';
  const columns = [
    { title: 'tenant' },
    { title: 'partition', align: 'right' },
    ...COLUMNS.map(([title]) => ({ title, align: 'right' as const })),
    { title: 'as of' },
  ] as const;
  const asOf = new Map(report.positions.map((one) => [one.partition, one.partitionTimeUs]));
  const cells = rows.map((row) => [
    row.tenant === '' ? '(unknown)' : row.tenant,
    String(row.partition),
    ...countsOf(row),
    timeText(asOf.get(row.partition)),
  ]);
  const sum = rows.length === 1 ? [] : [['all', '', ...countsOf(totals), '']];
  return [
    formatTable(columns, [...cells, ...sum], colours),
    ...reasonLines('dropped by', totals.droppedBy),
    ...reasonLines('dead letters', totals.deadLetterBy),
    '',
    verdict(report, colours),
  ].join('\n');
}

function countsOf(counts: LedgerCounts): string[] {
  return COLUMNS.map(([, column]) => String(counts[column]));
}

function timeText(timeUs: number | undefined): string {
  return timeUs === undefined ? '' : formatTimeUs(timeUs);
}

function reasonLines(title: string, by: Readonly<Record<string, number>>): string[] {
  const reasons = Object.entries(by).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return [];
  const told = reasons.map(
    ([reason, samples]) => `${reason === '' ? '(not told)' : reason} ${samples}`,
  );
  return ['', `${title}: ${told.join(', ')}`];
}

function verdict({ addsUp, rows, totals }: LedgerReport, colours: Colours): string {
  if (addsUp) return colours.green('It adds up: every accepted sample has one disposition.');
  const broken = rows.filter(({ unaccounted }) => unaccounted !== 0);
  const where = broken.map((row) => `${nameOf(row)} ${row.unaccounted}`).join(', ');
  const lines = [colours.red(`It does not add up: ${totals.unaccounted} samples (${where}).`)];
  if (totals.lost > 0) {
    lines.push(
      `The log itself lost ${totals.lost} that it had acknowledged; the transformer's warnings`,
      'name the records around them. "millrace ledger acknowledge" notes that you know.',
    );
  }
  if (totals.unaccounted !== totals.lost) {
    lines.push('The rest is a fault of ours: please report it with this table.');
  }
  return lines.join('\n');
}

function nameOf({ tenant, partition }: LedgerRow): string {
  return `${tenant === '' ? '(unknown)' : tenant}, partition ${partition}:`;
}
