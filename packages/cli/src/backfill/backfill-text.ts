import type { BackfillProgress, FileScan } from '@millrace/backfill';
import { formatBytes, formatTimeUs } from '../quantities.ts';

/** `metrics.csv: 1,000 samples of 10 series, from … to …, 34.0 KiB` */
export function formatScan(scan: FileScan): string {
  const { path, samples, series, isSeriesExact, earliestUs, latestUs, bytes } = scan;
  const about = isSeriesExact ? '' : 'about ';
  const range =
    samples === 0 ? '' : `, from ${formatTimeUs(earliestUs)} to ${formatTimeUs(latestUs)}`;
  const of = `${count(samples)} samples of ${about}${count(series)} series`;
  return `${path}: ${of}${range}, ${formatBytes(bytes)}`;
}

/** What is wrong, each with its place; and how many more there are. */
export function faultLines({ path, faults, firstFaults }: FileScan): string[] {
  const lines = firstFaults.map(({ line, column, what, expected }) => {
    const at = column === undefined ? `${line}` : `${line}:${column}`;
    return `${path}:${at}: ${what}; expected ${expected}`;
  });
  const more = faults - firstFaults.length;
  return more > 0 ? [...lines, `${path}: and ${count(more)} more`] : lines;
}

/** What became of it. */
export function formatBackfill(scan: FileScan, progress: BackfillProgress): string {
  const { samples, accepted, rejected } = progress;
  const lines = [`${scan.path}: ${count(samples)} samples: ${count(accepted)} accepted and stored`];
  if (scan.faults > 0) lines.push(`  ${count(scan.faults)} records were left out as they are bad`);
  for (const { reason, count: some, examples, remedy } of rejected) {
    lines.push(`  ${count(some)} refused: ${reason} (${examples[0] ?? ''}). ${remedy}`);
  }
  return lines.join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
