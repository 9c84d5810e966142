import type { BackfillProgress, FileScan } from '@millrace/backfill';
import { DISPOSITIONS, type Disposition } from '@millrace/model';
import { formatBytes, formatTimeUs } from '../quantities.ts';
import type { LedgerChange } from './backfill-ledger.ts';

/** What became of a file. */
export interface BackfillResult {
  scan: FileScan;
  progress: BackfillProgress;
  /** What the ledger counted meanwhile for the tenant; undefined: nobody told. */
  change: LedgerChange | undefined;
}

/** Measured with samples of 15 s of some thousand series. */
const LOG_BYTES_PER_SAMPLE = 24;
const STORE_BYTES_PER_SAMPLE = 8;
const BYTES_PER_WINDOW = 210;
/** As README says of series that are remembered. */
const MEMORY_BYTES_PER_SERIES = 3072;
const SERIES_TOLD_MIN = 20_000;

/** What a file holds, and about what it takes: of windows those of the built-in roll-up. */
export function formatScan(scan: FileScan): string {
  const { path, samples, series, isSeriesExact, earliestUs, latestUs, bytes, windows, nans } = scan;
  const about = isSeriesExact ? '' : 'about ';
  const of = `${count(samples)} samples of ${about}${count(series)} series`;
  const lines = [`${path}: ${of}, ${formatBytes(bytes)}`];
  if (samples === 0) return lines[0]!;
  lines.push(`  from ${formatTimeUs(earliestUs)} to ${formatTimeUs(latestUs)}`);
  const [log, raw] = [samples * LOG_BYTES_PER_SAMPLE, samples * STORE_BYTES_PER_SAMPLE];
  const rollup = formatBytes(windows * BYTES_PER_WINDOW);
  lines.push(
    `  about ${formatBytes(log)} in the log, in the store ${formatBytes(raw)} and ${rollup} of windows`,
  );
  if (series >= SERIES_TOLD_MIN) {
    const memory = formatBytes(series * MEMORY_BYTES_PER_SERIES);
    lines.push(`  up to ${memory} of memory, as each series is remembered for a day`);
  }
  if (nans > 0) lines.push(`  ${count(nans)} of the values are NaN: --nan says what that means`);
  return lines.join('\n');
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
export function formatBackfill({ scan, progress, change }: BackfillResult): string {
  const { samples, accepted, rejected } = progress;
  const lines = [`${scan.path}: ${count(samples)} samples sent: ${count(accepted)} accepted`];
  if (change !== undefined) lines.push(`  ${changeText(change, accepted)}`);
  // What a request holds depends on the file alone, and not on when: so those of the future go
  // along, and the receiver refuses them.
  const unread = scan.faults - scan.futures;
  if (unread > 0) lines.push(`  left out as they are bad: ${count(unread)} records`);
  for (const { reason, count: some, examples, remedy } of rejected) {
    lines.push(`  ${count(some)} refused: ${reason} (${examples[0] ?? ''}). ${remedy}`);
  }
  return lines.join('\n');
}

const WORDS: Readonly<Record<Disposition, string>> = {
  stored: 'stored',
  duplicate: 'were there already',
  conflict: 'were there with other values, which stay',
  dropped: 'dropped by rules',
  unverified: 'kept apart, as nobody can say whether they were there',
  deadLetter: 'dead letters',
};

/** The ledger does not tell who sent what. */
function changeText(change: LedgerChange, accepted: number): string {
  const others = change.accepted - accepted;
  const counts = DISPOSITIONS.flatMap((name) => {
    const some = change[name];
    return some === 0 && name !== 'stored' ? [] : [`${count(some)} ${WORDS[name]}`];
  });
  const beside =
    others > 0 ? ` (with ${count(others)} that others sent meanwhile, or that came twice)` : '';
  return `${counts.join(', ')}${beside}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
