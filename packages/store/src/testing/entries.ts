import {
  ADDRESS_ZERO,
  fingerprintOf,
  pieceName,
  SampleFlag,
  sortLabels,
  type Address,
  type LabelSet,
  type LedgerTotals,
  type Piece,
} from '@millrace/model';
import {
  emptyEntries,
  type DefinitionEntry,
  type Entries,
  type SampleColumns,
} from '@millrace/wire';
import type { MarkKey, StoreBatch } from '../store.ts';

/** Entries made for tests: short to write, complete in every field. */

export const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
export const OTHER_LOG_ID = '00112233445566778899aabbccddeeff';
export const TENANT = 'acme';
/** 2026-03-01T12:00:00Z. */
export const NOON_US = 1_772_366_400_000_000;
export const SECOND_US = 1_000_000;

export function keyOf(key: Partial<MarkKey> = {}): MarkKey {
  return { logId: LOG_ID, logNumber: 1, partition: 0, source: 'live', ...key };
}

export function addressOf(offset: number, ordinal = 0): Address {
  return { offset, ordinal };
}

export function batchOf(
  batch: Readonly<{ from?: Address; to: Address; key?: Partial<MarkKey> }>,
  ...chunks: Partial<Entries>[]
): StoreBatch {
  return {
    key: keyOf(batch.key),
    from: batch.from ?? ADDRESS_ZERO,
    to: batch.to,
    chunks: chunks.map((chunk) => ({ ...emptyEntries(), ...chunk })),
  };
}

export function labelsOf(metric: string, labels: Record<string, string> = {}): LabelSet {
  return sortLabels([['__name__', metric], ...Object.entries(labels)]);
}

export function seriesOf(metric: string, labels: Record<string, string> = {}): Uint8Array {
  return fingerprintOf(TENANT, labelsOf(metric, labels));
}

export function seriesIdHex(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
}

export function definitionOf(
  metric: string,
  labels: Record<string, string> = {},
  more: Partial<DefinitionEntry> = {},
): DefinitionEntry {
  const pairs = labelsOf(metric, labels).map(([name, value]): [string, string] => [name, value]);
  const fingerprint = fingerprintOf(more.tenant ?? TENANT, pairs);
  return { fingerprint, tenant: TENANT, labels: pairs, kind: 0, seenUs: NOON_US, ...more };
}

export interface TestSample {
  series: Uint8Array;
  timeUs: number;
  value: number;
  stale?: boolean;
  unverified?: boolean;
}

export function samplesOf(samples: readonly TestSample[]): SampleColumns {
  const columns: SampleColumns = {
    count: samples.length,
    seriesIds: new Uint8Array(8 * samples.length),
    times: Float64Array.from(samples, ({ timeUs }) => timeUs),
    values: Float64Array.from(samples, ({ value }) => value),
    flags: Uint8Array.from(
      samples,
      ({ stale, unverified }) =>
        (stale === true ? SampleFlag.stale : 0) | (unverified === true ? SampleFlag.unverified : 0),
    ),
  };
  samples.forEach(({ series }, i) => columns.seriesIds.set(series.subarray(0, 8), 8 * i));
  return columns;
}

export function pieceOf(piece: Partial<Piece> = {}): Piece {
  return {
    edition: 7,
    fingerprint: seriesOf('requests:sum'),
    widthUs: 300 * SECOND_US,
    startUs: NOON_US,
    piece: pieceName(1, 10),
    count: 3,
    marked: false,
    ...piece,
  };
}

export function totalsOf(totals: Partial<LedgerTotals>): LedgerTotals {
  return {
    tenant: TENANT,
    accepted: 0,
    stored: 0,
    duplicate: 0,
    conflict: 0,
    dropped: 0,
    unverified: 0,
    deadLetter: 0,
    lost: 0,
    ...totals,
  };
}
