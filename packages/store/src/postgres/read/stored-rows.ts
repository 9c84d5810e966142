import {
  FINGERPRINT_BYTES,
  METRIC_NAME_LABEL,
  SAMPLE_KIND_NAMES,
  SampleFlag,
  sortLabels,
  type SampleKindName,
} from '@millrace/model';
import type { CompleteWindow, WindowName } from '../../completion-store.ts';
import type { StoredCompleteWindow } from '../../completed-reader.ts';
import type {
  StoredDeadLetter,
  StoredDefinition,
  StoredExemplar,
  StoredMetadata,
  StoredPiece,
  StoredUnverified,
} from '../../reader-rows.ts';
import type { CopyOutRows } from '../connection/copy-out-rows.ts';

/** One row each, its fields in the order of the statement. */
export function readPiece(rows: CopyOutRows): StoredPiece {
  return {
    isFinal: required(rows, (from) => from.boolean()),
    edition: required(rows, (from) => from.int64()),
    seriesId: required(rows, (from) => from.bytes()),
    widthUs: required(rows, (from) => from.intervalUs()),
    startUs: required(rows, (from) => from.timeUs()),
    partition: required(rows, (from) => from.int32()),
    piece: required(rows, (from) => from.int64()),
    ...readWindowColumns(rows),
  };
}

function readWindowColumns(
  rows: CopyOutRows,
): Omit<CompleteWindow, keyof WindowName | 'pieces' | 'samples'> {
  const next = <T>(read: (rows: CopyOutRows) => T): T | undefined => optional(rows, read);
  return {
    count: required(rows, (from) => from.int64()),
    marked: required(rows, (from) => from.boolean()),
    sum: next((from) => from.float64()),
    min: next((from) => from.float64()),
    max: next((from) => from.float64()),
    first: next((from) => from.float64()),
    firstTimeUs: next((from) => from.timeUs()),
    last: next((from) => from.float64()),
    lastTimeUs: next((from) => from.timeUs()),
    increase: next((from) => from.float64()),
    histogram: next((from) => from.bytes()),
    distinct: next((from) => from.bytes()),
    inputs: inputsOf(
      next((from) => from.array((one) => one.bytes())),
      next((from) => from.array((one) => one.timeUs())),
      next((from) => from.array((one) => one.float64())),
    ),
  };
}

export function readCompleted(rows: CopyOutRows): StoredCompleteWindow {
  return {
    run: required(rows, (from) => from.int64()),
    edition: required(rows, (from) => from.int64()),
    seriesId: required(rows, (from) => from.bytes()),
    widthUs: required(rows, (from) => from.intervalUs()),
    startUs: required(rows, (from) => from.timeUs()),
    pieces: required(rows, (from) => from.int64()),
    samples: required(rows, (from) => from.int64()),
    ...readWindowColumns(rows),
  };
}

/** As `PieceInputs` of the model writes them. Undefined when there are none. */
function inputsOf(
  ids: readonly Uint8Array[] | undefined,
  times: readonly number[] | undefined,
  values: readonly number[] | undefined,
): Uint8Array | undefined {
  if (ids === undefined) return undefined;
  const bytes = Buffer.alloc(5 + 24 * ids.length);
  bytes.writeUInt8(1, 0);
  bytes.writeUInt32BE(ids.length, 1);
  ids.forEach((id, i) => {
    const at = 5 + 24 * i;
    bytes.set(id, at);
    bytes.writeDoubleBE(times?.[i] ?? NaN, at + 8);
    bytes.writeDoubleBE(values?.[i] ?? NaN, at + 16);
  });
  return new Uint8Array(bytes);
}

export function readDefinition(rows: CopyOutRows): StoredDefinition {
  const fingerprint = new Uint8Array(FINGERPRINT_BYTES);
  fingerprint.set(
    required(rows, (from) => from.bytes()),
    0,
  );
  fingerprint.set(
    required(rows, (from) => from.bytes()),
    8,
  );
  const tenant = required(rows, (from) => from.text());
  const metric = required(rows, (from) => from.text());
  const labels = Object.entries(
    JSON.parse(required(rows, (from) => from.text())) as Record<string, string>,
  );
  if (metric !== '') labels.push([METRIC_NAME_LABEL, metric]);
  const kind = required(rows, (from) => from.text()) as SampleKindName;
  return {
    fingerprint,
    tenant,
    labels: sortLabels(labels).map(([name, value]) => [name, value]),
    kind: SAMPLE_KIND_NAMES.indexOf(kind),
    firstSeenUs: required(rows, (from) => from.timeUs()),
    lastSeenUs: required(rows, (from) => from.timeUs()),
  };
}

export function readUnverified(rows: CopyOutRows): StoredUnverified {
  const partition = required(rows, (from) => from.int32());
  const timeUs = required(rows, (from) => from.timeUs());
  const tenant = required(rows, (from) => from.text());
  const fingerprint = required(rows, (from) => from.bytes());
  const value = optional(rows, (from) => from.float64()) ?? NaN;
  const isStale = required(rows, (from) => from.boolean());
  const receivedAtUs = required(rows, (from) => from.timeUs());
  const flags = (isStale ? SampleFlag.stale : 0) | SampleFlag.unverified;
  return { partition, tenant, fingerprint, timeUs, value, flags, receivedAtUs };
}

export function readExemplar(rows: CopyOutRows): StoredExemplar {
  const timeUs = required(rows, (from) => from.timeUs());
  const seriesId = required(rows, (from) => from.bytes());
  const value = required(rows, (from) => from.float64());
  const labels = JSON.parse(required(rows, (from) => from.text())) as Record<string, string>;
  const pairs = sortLabels(Object.entries(labels));
  return { timeUs, seriesId, value, labels: pairs.map(([name, text]) => [name, text]) };
}

export function readMetadata(rows: CopyOutRows): StoredMetadata {
  const text = (): string => required(rows, (from) => from.text());
  return { tenant: text(), metric: text(), type: text(), unit: text(), help: text() };
}

export function readDeadLetter(rows: CopyOutRows): StoredDeadLetter {
  const text = (): string => required(rows, (from) => from.text());
  const logId = text();
  const partition = required(rows, (from) => from.int32());
  const letter = { logId, partition, source: text(), entry: text(), tenant: text() };
  const [reason, detail] = [text(), text()];
  const seriesId = optional(rows, (from) => from.bytes());
  const timeUs = optional(rows, (from) => from.timeUs());
  const value = optional(rows, (from) => from.float64());
  const receivedAtUs = optional(rows, (from) => from.timeUs());
  const isRedriven = required(rows, (from) => from.boolean());
  return {
    ...letter,
    isRedriven,
    reason,
    detail,
    seriesId,
    ...(timeUs === undefined ? {} : { timeUs }),
    ...(value === undefined ? {} : { value }),
    ...(receivedAtUs === undefined ? {} : { receivedAtUs }),
  };
}

function required<T>(rows: CopyOutRows, read: (rows: CopyOutRows) => T): T {
  if (!rows.field()) throw new TypeError('a column that is never NULL is NULL');
  return read(rows);
}

function optional<T>(rows: CopyOutRows, read: (rows: CopyOutRows) => T): T | undefined {
  return rows.field() ? read(rows) : undefined;
}
