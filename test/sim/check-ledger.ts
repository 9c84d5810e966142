import { SampleFlag, unaccounted, type LedgerTotals } from '@millrace/model';
import type { OracleRun } from '@millrace/transformer/testing';
import { EntryType, type AddressedEntry, type HistogramEntry } from '@millrace/wire';
import type { LogOracle } from './log-oracle.ts';

/** What the store makes of raw samples that nobody else could tell. */
export interface StoredUnverified {
  /** As the store's rows: series, time, value. */
  rows: string[];
  duplicates: number;
}

/** Of raw samples that are unverified the store takes those whose place is free. */
export function storedUnverified(entries: readonly AddressedEntry[]): StoredUnverified {
  const taken = new Set<string>();
  const stored: StoredUnverified = { rows: [], duplicates: 0 };
  for (const entry of entries) {
    const raw = rawOf(entry);
    if (raw === undefined) continue;
    const { seriesId, timeUs, flags } = raw;
    const key = `${entry.type} ${seriesId} ${timeUs}`;
    if ((flags & SampleFlag.unverified) !== 0) {
      const shown = (flags & SampleFlag.stale) === 0 ? raw.value : undefined;
      if (taken.has(key)) stored.duplicates += 1;
      else stored.rows.push(rowText(seriesId, timeUs, shown, true));
    }
    taken.add(key);
  }
  return stored;
}

interface RawEntry {
  seriesId: string;
  timeUs: number;
  value: RowValue;
  flags: number;
}

function rawOf({ type, value }: AddressedEntry): RawEntry | undefined {
  const idOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 8)).toString('hex');
  if (type === EntryType.sample) {
    const [id, timeUs, number, flags] = value as [Uint8Array, number, number, number];
    return { seriesId: idOf(id), timeUs, value: number, flags };
  }
  if (type !== EntryType.histogram) return undefined;
  const { fingerprint, timeUs, flags, histogram } = value as HistogramEntry;
  return { seriesId: idOf(fingerprint), timeUs, value: histogram, flags };
}

/** Of a row of samples or of histograms; undefined: stale. */
export type RowValue = number | Uint8Array | undefined;

export function rowText(
  seriesId: string,
  timeUs: number,
  value: RowValue,
  unverified: boolean,
): string {
  const shown = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  return [seriesId, timeUs, shown, unverified].join('/');
}

/** Conservation: the ledger says what the log holds, column by column, and adds up. */
export function checkLedger(
  parts: Readonly<{
    oracle: LogOracle;
    run: OracleRun;
    unverified: StoredUnverified;
    totals: LedgerTotals | undefined;
  }>,
): string[] {
  const { oracle, run, unverified, totals } = parts;
  const { stored: fresh, dropped } = run.totals.at(-1)!;
  const moved = unverified.rows.length + unverified.duplicates;
  const expected = {
    accepted: oracle.totals.accepted,
    stored: fresh + unverified.rows.length,
    duplicate: oracle.totals.duplicate + unverified.duplicates,
    conflict: oracle.totals.conflict,
    dropped,
    unverified: oracle.totals.unverified - moved,
    deadLetter: 0,
  };
  if (totals === undefined) return expected.accepted === 0 ? [] : ['no ledger'];
  const problems: string[] = [];
  const left = unaccounted(totals);
  if (left !== 0) problems.push(`the ledger has no disposition for ${left} samples`);
  // A log that forgets nothing has lost nothing, whatever its receivers went through.
  if ((totals.lost ?? 0) !== 0) problems.push(`the ledger calls ${totals.lost} samples lost`);
  for (const [column, want] of Object.entries(expected)) {
    const have = totals[column as keyof typeof expected];
    if (have !== want) problems.push(`the ledger says ${column} ${have}, the log ${want}`);
  }
  return problems;
}
