import type { OracleRun } from '@millrace/transformer/testing';
import type { MemoryStoreDatabase } from '@millrace/store/memory';
import { rowText } from './check-ledger.ts';
import type { CheckedPartition } from './checkers.ts';
import { metadataKey } from './sim-besides.ts';

/** Everything that the rules in force kept is there exactly once, and nothing else. */
export function checkRows(
  parts: readonly CheckedPartition[],
  store: MemoryStoreDatabase,
): string[] {
  const rows = parts.flatMap(({ run, unverified }) => [...rawRows(run), ...unverified.rows]);
  const found = [
    ...store.samples.map((row) => rowText(row.seriesId, row.timeUs, row.value, row.unverified)),
    ...store.histograms.map(({ seriesId, timeUs, histogram, unverified }) =>
      rowText(seriesId, timeUs, histogram, unverified),
    ),
  ];
  return [
    ...difference('raw samples', rows, found),
    ...difference('exemplars', parts.flatMap(exemplarRows), storedExemplars(store)),
    ...difference('metadata', parts.flatMap(metadataRows), storedMetadata(store)),
  ];
}

function rawRows({ raw, rawHistograms }: OracleRun): string[] {
  return [
    ...raw.map(([series, timeUs, value]) => {
      return rowText(series.slice(0, 16), timeUs, Number.isNaN(value) ? undefined : value, false);
    }),
    ...rawHistograms.map(([series, timeUs, bytes]) =>
      rowText(series.slice(0, 16), timeUs, bytes, false),
    ),
  ];
}

function exemplarRows({ run }: CheckedPartition): string[] {
  return run.exemplars.map(([series, { timeUs, value, tells }]) =>
    JSON.stringify([series, timeUs, value, tells]),
  );
}

function storedExemplars({ exemplars }: MemoryStoreDatabase): string[] {
  return exemplars.map(({ fingerprint, timeUs, value, labels }) =>
    JSON.stringify([Buffer.from(fingerprint).toString('hex'), timeUs, value, labels]),
  );
}

function metadataRows({ oracle }: CheckedPartition): string[] {
  return [...oracle.metadata.values()].map(metadataKey);
}

function storedMetadata({ metadata }: MemoryStoreDatabase): string[] {
  return [...metadata.values()].map(metadataKey);
}

function difference(what: string, expected: readonly string[], found: readonly string[]): string[] {
  const [want, have] = [expected.toSorted(), found.toSorted()];
  if (want.length === have.length && want.every((row, i) => row === have[i])) return [];
  const there = new Set(have);
  const missing = want.filter((row) => !there.has(row));
  const extra = have.length - want.length + missing.length;
  const first = missing.length > 0 ? `: ${missing[0]}` : '';
  return [`${missing.length} ${what} are missing, ${extra} are too many${first}`];
}
