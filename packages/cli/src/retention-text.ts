import { formatWidth } from '@millrace/rules';
import type { ReportedRows, ReportedTable, RetentionReport } from '@millrace/store';
import type { Colours } from './console-output.ts';
import { formatBytes, formatTimeUs } from './quantities.ts';
import { formatTable } from './text-table.ts';

/** For people: what is kept how long, a line each, then the tables, then what waits. */
export function formatRetention(report: RetentionReport, colours: Colours): string {
  const { notedAtUs, nowUs, rows, tables } = report;
  const noted =
    notedAtUs === undefined
      ? 'No upkeep has run yet: these are the defaults.'
      : `As the upkeep of ${formatTimeUs(notedAtUs)} had it; rows are as old as the newest ` +
        `watermark says, ${timeText(nowUs)}.`;
  return [
    noted,
    '',
    rowsTable(rows, colours),
    'Histograms, exemplars and what is kept beside as unverified are kept like raw samples, dead ' +
      `letters ${keptText(report.deadLettersKeptMs)}.`,
    '',
    tables.length === 0
      ? 'No table has a part yet: samples of the last minutes lie in front of them.'
      : tablesTable(tables, colours),
    ...soFarLines(report),
    ...waitLines(report, colours),
  ].join('\n');
}

function rowsTable(rows: readonly ReportedRows[], colours: Colours): string {
  const columns = [
    { title: 'table' },
    { title: 'rule' },
    { title: 'width' },
    { title: 'tenant' },
    { title: 'kept', align: 'right' },
    { title: 'deleted before' },
    { title: 'shown before that' },
  ] as const;
  const cells = rows.map((one) => [
    one.table,
    ruleText(one, rows),
    one.widthUs === undefined ? 'raw' : formatWidth(one.widthUs),
    one.whose ?? 'all others',
    keptText(one.keepMs),
    timeText(one.cutUs),
    shownText(one, colours),
  ]);
  return formatTable(columns, cells, colours);
}

/** A rule that changed has several editions that are shown, each for its time. */
function ruleText(one: ReportedRows, rows: readonly ReportedRows[]): string {
  if (one.rule === undefined) return '';
  const hasOthers = rows.some(
    ({ rule, edition }) => rule === one.rule && edition !== one.edition && edition !== undefined,
  );
  return one.isServed && !hasOthers ? one.rule : `${one.rule} (edition ${one.edition})`;
}

function shownText({ replacedByUs, waitsFor }: ReportedRows, colours: Colours): string {
  if (replacedByUs === undefined) return 'nothing: data ends there';
  const windows = `windows of ${formatWidth(replacedByUs)}`;
  return waitsFor === undefined ? windows : `${windows} ${colours.yellow('(waits)')}`;
}

function tablesTable(tables: readonly ReportedTable[], colours: Colours): string {
  const columns = [
    { title: 'table' },
    { title: 'oldest row' },
    { title: 'parts', align: 'right' },
    { title: 'bytes', align: 'right' },
    { title: 'dropped next', align: 'right' },
    { title: 'bytes', align: 'right' },
    { title: 'looked through', align: 'right' },
  ] as const;
  const cells = tables.map(({ table, oldestUs, ranges, bytes, drops, sweeps }) => [
    table,
    oldestUs === undefined ? '' : formatTimeUs(oldestUs),
    ...[String(ranges), formatBytes(bytes)],
    ...[String(drops.ranges), formatBytes(drops.bytes), String(sweeps)],
  ]);
  return formatTable(columns, cells, colours);
}

function soFarLines({ soFar }: RetentionReport): string[] {
  const { partsDropped, rowsDropped, rowsDeleted } = soFar;
  if (partsDropped + rowsDeleted === 0) return [];
  return [
    '',
    `deleted so far: ${partsDropped} parts of tables with about ${rowsDropped} rows, and ` +
      `${rowsDeleted} rows out of others`,
  ];
}

/** What is due and stays, and why. */
function waitLines(report: RetentionReport, colours: Colours): string[] {
  const { rows, tables, smallestWatermarkUs } = report;
  const lines = new Set<string>();
  for (const one of rows) {
    const why = whyText(one, smallestWatermarkUs);
    if (why === undefined) continue;
    const what =
      one.widthUs === undefined ? 'raw samples' : `windows of ${formatWidth(one.widthUs)}`;
    const rule = one.rule === undefined ? '' : ` of ${one.rule}`;
    const whose = one.whose === undefined ? '' : ` of tenant ${one.whose}`;
    const since = `from ${timeText(one.cutUs)} to ${timeText(one.dueUs)}`;
    lines.add(`${colours.yellow('waits')}  ${what}${rule}${whose} ${since}: ${why}`);
  }
  for (const { table, drops } of tables) {
    if (drops.inUse.length === 0) continue;
    const parts = drops.inUse.length === 1 ? 'a part' : `${drops.inUse.length} parts`;
    lines.add(
      `${colours.yellow('waits')}  ${parts} of ${table} that somebody reads: ${drops.inUse.join(', ')}`,
    );
  }
  return lines.size === 0 ? [] : ['', ...lines];
}

function whyText({ waitsFor, heldByUs }: ReportedRows, smallestUs: number): string | undefined {
  if (waitsFor === undefined || heldByUs === undefined) return undefined;
  const wider = `the windows of ${formatWidth(heldByUs)} that replace them`;
  switch (waitsFor) {
    case 'partitions':
      return Number.isFinite(smallestUs)
        ? `${wider} are not final: a partition has come to ${formatTimeUs(smallestUs)} only`
        : `${wider} are not final: of some partitions nothing is stored`;
    case 'open windows':
      return `${wider} are not final: some are open still`;
    case 'jobs':
      return `${wider} are not there: jobs fold the past of a candidate`;
  }
}

/** As people say it: `2y`, `90d`, `36h`. */
function keptText(ms: number): string {
  const days = ms / 86_400_000;
  if (days % 365 === 0) return `${days / 365}y`;
  return Number.isInteger(days) ? `${days}d` : `${ms / 3_600_000}h`;
}

function timeText(timeUs: number): string {
  return Number.isFinite(timeUs) ? formatTimeUs(timeUs) : 'never';
}
