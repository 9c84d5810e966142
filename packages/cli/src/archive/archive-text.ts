import type { ArchiveReport } from '@millrace/archive';
import type { Colours } from '../console-output.ts';
import { formatBytes, formatTimeUs } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { ArchiveLook, HeldPartition } from './look-beside-log.ts';

const right = (title: string) => ({ title, align: 'right' as const });

/** For people; `--json` has it all. */
export function formatArchive(look: ArchiveLook, colours: Colours): string {
  const { archived, held } = look;
  const bytes = archived.reduce((sum, one) => sum + one.bytes, 0);
  const ranges = archived.reduce((sum, one) => sum + one.ranges, 0);
  const head = [`archive ${look.where}: ${ranges} ranges, ${formatBytes(bytes)}`];
  if (look.logError !== undefined) head.push(`log     ${colours.red(look.logError)}`);
  if (look.bindingError !== undefined) head.push(colours.red(look.bindingError));
  const unknown = look.logError === undefined ? 'gone' : '?';
  const columns = [
    ...[right('partition'), { title: 'log' }, right('ranges'), right('bytes')],
    ...[right('from'), right('to'), right('log ends'), right('waiting')],
    ...[{ title: 'newest' }, right('checkpoints')],
  ];
  const rows = archived.map((one) => {
    const beside = held.find(({ partition, logId }) => {
      return partition === one.partition && logId === one.logId;
    });
    const to = one.stretches.at(-1)?.to ?? 0;
    return [
      ...[String(one.partition), one.logId.slice(0, 8), String(one.ranges)],
      ...[formatBytes(one.bytes), String(one.stretches[0]?.from ?? 0), String(to)],
      beside === undefined ? unknown : String(beside.end),
      beside === undefined ? '' : String(Math.max(0, beside.end - to)),
      ...[formatTimeUs(one.newestUs), String(one.checkpoints)],
    ];
  });
  const table =
    rows.length === 0 ? 'Nothing is archived yet.' : formatTable(columns, rows, colours);
  return [...head, '', table, ...notesOf(look, colours)].join('\n');
}

function notesOf({ archived, held }: ArchiveLook, colours: Colours): string[] {
  const holes = archived.flatMap(({ partition, stretches }) =>
    stretches.slice(1).map(({ from }, i) => gapText(partition, stretches[i]!.to, from)),
  );
  const gone = held.flatMap(({ partition, gap }: HeldPartition) =>
    gap === undefined ? [] : [gapText(partition, gap.from, gap.to)],
  );
  return [...holes, ...gone].map((text) => `${colours.red('gap')} ${text}`);
}

function gapText(partition: number, from: number, to: number): string {
  return (
    `partition ${partition}: offsets ${from} to ${to} are in no range; the log forgot them while ` +
    'no archive was set.'
  );
}

export function formatReport(report: ArchiveReport, colours: Colours): string {
  const { ranges, records, samples, bytes, unnamedFiles, faults } = report;
  const lines = faults.map(({ kind, topic, partition, logId, from, to, message }) => {
    const where = `${topic}/${partition}, log ${logId.slice(0, 8)}, offsets ${from} to ${to}`;
    return `${colours.red(kind)} ${where}: ${message}`;
  });
  const unnamed =
    unnamedFiles === 0 ? '' : ` ${unnamedFiles} files are of attempts that broke off: no harm.`;
  return [
    ...lines,
    `${ranges} ranges checked, ${records} records with ${samples} samples, ` +
      `${formatBytes(bytes)}: ${faults.length === 0 ? 'all is well' : `${faults.length} faults`}.` +
      unnamed,
  ].join('\n');
}
