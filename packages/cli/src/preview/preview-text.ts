import type { Colours } from '../console-output.ts';
import { formatBytes } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { PreviewedRule, PreviewReport } from './preview-report.ts';

const SIGNS: Readonly<Record<PreviewedRule['change'], string>> = {
  added: '+',
  changed: '~',
  unchanged: ' ',
};

/** A preview as people read it. */
export function formatPreview(file: string, report: PreviewReport, colours: Colours): string {
  const { since, until, version, rules, removed, notCovered, estimates } = report;
  const samples = report.partitions.reduce((sum, one) => sum + one.samples, 0);
  return [
    `What ${file} would cost, by what came from ${since} until ${until} (${samples} samples ` +
      `folded), beside version ${version}, which is in force. Nothing was changed.`,
    ...archiveLines(report),
    '',
    formatTable(COLUMNS, rules.map(rowOf), colours),
    ...removed.map(({ rule, current }) => {
      const [series, less] = [number(current.seriesOut), bytes(current.bytesPerDay)];
      return `- ${rule}: ${series} series and ${less} a day less`;
    }),
    '',
    rawLine(report),
    ...rules.flatMap((rule) => exampleLines(rule, report.partitions.length)),
    '',
    ...notCovered.map((sentence) => colours.yellow(sentence)),
    ...estimates.map((sentence) => colours.dim(sentence)),
  ].join('\n');
}

function archiveLines({ partitions }: PreviewReport): string[] {
  const read = partitions.filter(({ archive }) => archive !== null);
  if (read.length === 0) return [];
  const which = read.length === partitions.length ? 'each partition' : `${read.length} of them`;
  return [`Of ${which}, what the log has forgotten was read from the archive ${read[0]!.archive}.`];
}

const COLUMNS = [
  { title: '' },
  { title: 'rule' },
  { title: 'series in', align: 'right' },
  { title: 'out', align: 'right' },
  { title: 'samples/s', align: 'right' },
  { title: 'rows/s', align: 'right' },
  { title: 'a day', align: 'right' },
  { title: 'now', align: 'right' },
  { title: 'raw' },
  { title: 'raw a day', align: 'right' },
] as const;

function rowOf(one: PreviewedRule): string[] {
  const { rule, change, drops, keepsRaw, planned, current, raw } = one;
  return [
    ...[SIGNS[change], rule, number(planned.seriesIn), number(planned.seriesOut)],
    ...[rate(planned.samplesPerSecond), rate(planned.rowsPerSecond), bytes(planned.bytesPerDay)],
    current === null ? '–' : bytes(current.bytesPerDay),
    drops ? 'all dropped' : keepsRaw ? 'kept' : 'dropped',
    raw.samplesPerDay === 0 ? 'as now' : difference(raw.bytesPerDay),
  ];
}

function rawLine({ raw: { current, planned } }: PreviewReport): string {
  const change = planned.bytesPerDay - current.bytesPerDay;
  const told = change === 0 ? 'as now' : `${bytes(current.bytesPerDay)} now: ${difference(change)}`;
  return (
    `Raw samples in all: ${number(planned.samplesPerDay)} a day, ${bytes(planned.bytesPerDay)} ` +
    `(${told}).`
  );
}

function exampleLines({ rule, examples }: PreviewedRule, partitions: number): string[] {
  if (examples.length === 0) return [];
  const of = partitions === 1 ? '' : ' (pieces of one partition each)';
  return [
    '',
    `${rule}, for example${of}:`,
    ...examples.map(({ labels, width, start, complete, values }) => {
      const shown = Object.entries(values).map(([name, value]) => `${name} ${short(value)}`);
      const state = complete ? '' : ' (not over yet)';
      return `  ${start} +${width}  ${labels}  ${shown.join(', ')}${state}`;
    }),
  ];
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function rate(value: number): string {
  return value >= 100 ? number(value) : value.toPrecision(3).replace(/\.?0+$/, '');
}

function bytes(value: number): string {
  return formatBytes(Math.round(value));
}

function difference(value: number): string {
  return value < 0 ? `${bytes(-value)} less` : `${bytes(value)} more`;
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}
