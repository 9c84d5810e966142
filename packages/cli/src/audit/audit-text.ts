import type { AuditReport, Finding, LedgerReport } from '@millrace/audit';
import { DISPOSITIONS } from '@millrace/model';
import type { Colours } from '../console-output.ts';
import { formatDurationMs } from '../quantities.ts';
import { formatTable } from '../text-table.ts';

/** The report for people; the JSON has it all. */
export function formatAudit(report: AuditReport, colours: Colours): string {
  const { findings, notProven, notes } = report;
  return [
    headline(report, colours),
    '',
    partitionTable(report, colours),
    ...(report.ledger.length === 0 ? [] : ['', ledgerTable(report.ledger, colours)]),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, colours)]),
    ...list('Not proven:', notProven, colours.yellow),
    ...list('Beside:', notes, colours.dim),
  ].join('\n');
}

function headline(report: AuditReport, colours: Colours): string {
  const { outcome, mode, durationMs, samplesPerSecond, partitions, rows } = report;
  const samples = partitions.reduce((sum, one) => sum + one.samples, 0);
  const compared = Object.entries(rows)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  const verdict =
    outcome === 'proven'
      ? colours.green('proven: everything accepted is accounted for')
      : colours.red('broken: log and store do not agree');
  const scope = [
    ...(report.tenant === undefined ? [] : [`tenant ${report.tenant}`]),
    ...(report.since === undefined ? [] : [sinceText(report.since, mode)]),
    ...(report.until === undefined ? [] : [`until ${report.until}`]),
  ];
  return [
    `${verdict}${mode === 'deep' ? ' (deep)' : ''}`,
    `${samples} samples of the log, rows of the store: ${compared.join(', ') || 'none'}; ` +
      `${formatDurationMs(durationMs)}, ${samplesPerSecond} samples/s`,
    ...(scope.length === 0 ? [] : [`looked at: ${scope.join(', ')}`]),
  ].join('\n');
}

/** A deep audit looks at what came since, and the others at what says that it is of since. */
function sinceText(since: string, mode: AuditReport['mode']): string {
  return mode === 'plain'
    ? `from ${since}`
    : `what came after the newest checkpoint of before ${since}, in each partition as below`;
}

export function partitionTable(
  { partitions }: Pick<AuditReport, 'partitions'>,
  colours: Colours,
): string {
  const columns = [
    { title: 'partition', align: 'right' },
    { title: 'records from', align: 'right' },
    { title: 'to', align: 'right' },
    { title: 'ledger at', align: 'right' },
    { title: 'samples', align: 'right' },
    { title: 'log' },
  ] as const;
  const rows = partitions.map(({ partition, from, checkpoint, to, position, samples, logId }) => [
    String(partition),
    checkpoint === undefined ? String(from) : `(checkpoint of ${shortTime(checkpoint)}) ${from}`,
    ...[to, position ?? '-', samples].map(String),
    logId ?? '',
  ]);
  return formatTable(columns, rows, colours);
}

/** Without what is smaller than seconds. */
function shortTime(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}

const LEDGER = [
  'accepted',
  ...DISPOSITIONS,
  'lost',
] as const satisfies readonly (keyof LedgerReport)[];

function ledgerTable(ledger: readonly LedgerReport[], colours: Colours): string {
  const title = (name: string): string => (name === 'deadLetter' ? 'dead letter' : name);
  const columns = [
    { title: 'tenant' },
    { title: 'partition', align: 'right' as const },
    ...LEDGER.map((name) => ({ title: title(name), align: 'right' as const })),
  ];
  const rows = ledger.map((one) => [
    one.tenant,
    String(one.partition),
    ...LEDGER.map((name) => String(one[name])),
  ]);
  return formatTable(columns, rows, colours);
}

export function findingLines(finding: Finding, colours: Colours): string[] {
  const { kind, count, message, tenant, seriesId, partition, offset } = finding;
  const more = count > 1 ? ` (the first of ${count})` : '';
  const place = [
    ...(partition === undefined ? [] : [`partition ${partition}`]),
    ...(offset === undefined ? [] : [`offset ${offset}`]),
    ...(tenant === undefined ? [] : [`tenant ${tenant}`]),
    ...(seriesId === undefined ? [] : [`series_id ${seriesId}`]),
  ];
  return [
    `${colours.red(kind)}${more}: ${message}`,
    ...(place.length === 0 ? [] : [`  ${place.join(', ')}`]),
  ];
}

export function list(
  title: string,
  sentences: readonly string[],
  colour: (text: string) => string,
): string[] {
  return sentences.length === 0 ? [] : ['', title, ...sentences.map((one) => colour(`  ${one}`))];
}
