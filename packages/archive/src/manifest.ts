import { archiveDamaged } from './archive-errors.ts';
import type { ArchivedRange, ArchivedTopic } from './range.ts';

/** The version of manifests and of the columns of `records.parquet`. */
export const ARCHIVE_FORMAT = 1;

/** What a range is; written last, so that without it nothing of the range counts. */
export interface RangeManifest {
  format: typeof ARCHIVE_FORMAT;
  topic: ArchivedTopic;
  partition: number;
  logId: string;
  from: number;
  to: number;
  /** SHA-256 of the record before, as hex; null: the range begins a log, or its archive. */
  previousSha256: string | null;
  /** Of the range's last record. */
  lastSha256: string;
  /** The log's clock at the records' appends, in microseconds. */
  appendTimeUs: { min: number; max: number };
  /** Of the samples in it; null: it has none. */
  sampleTimeUs: { min: number; max: number } | null;
  samples: number;
  /** Bytes of the records as they were in the log. */
  payloadBytes: number;
  records: ArchivedFile;
  /** A row each, for people; nothing is computed from it. */
  samplesTable?: ArchivedFile;
  /** Of a range of `metrics.checkpoints`: what it is a copy of. */
  checkpoint?: ArchivedCheckpoint;
}

/** In the folder of its manifest. */
export interface ArchivedFile {
  file: string;
  bytes: number;
  sha256: string;
}

export interface ArchivedCheckpoint {
  checkpointId: string;
  /** Of the events partition. */
  position: number;
  partitionTimeUs: number;
  madeAtUs: number;
}

export function encodeManifest(manifest: RangeManifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** @throws MillraceError ARCHIVE_DAMAGED when it is not the manifest of `range`. */
export function decodeManifest(
  bytes: Uint8Array,
  range: ArchivedRange,
  where: string,
): RangeManifest {
  const damaged = (detail: string, cause?: unknown): Error =>
    archiveDamaged({ where, name: range.name, detail, cause });
  let manifest: RangeManifest;
  try {
    manifest = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(bytes)) as RangeManifest;
  } catch (error) {
    throw damaged('it is no JSON', error);
  }
  if (manifest === null || typeof manifest !== 'object') throw damaged('it is no object');
  const format: unknown = manifest.format;
  if (format !== ARCHIVE_FORMAT) {
    throw damaged(`its format is ${String(format)}, and this release reads ${ARCHIVE_FORMAT}`);
  }
  for (const field of ['topic', 'partition', 'logId', 'from', 'to'] as const) {
    if (manifest[field] !== range[field]) {
      throw damaged(`its name says ${field} ${range[field]}, and it says ${manifest[field]}`);
    }
  }
  const missing = whatIsMissing(manifest);
  if (missing !== undefined) throw damaged(`${missing} is missing or not what it should be`);
  return manifest;
}

function whatIsMissing(manifest: RangeManifest): string | undefined {
  const { previousSha256, lastSha256, appendTimeUs, payloadBytes, samples, records } = manifest;
  if (previousSha256 !== null && !isDigest(previousSha256)) return 'previousSha256';
  if (!isDigest(lastSha256)) return 'lastSha256';
  if (!isSpan(appendTimeUs)) return 'appendTimeUs';
  if (manifest.sampleTimeUs !== null && !isSpan(manifest.sampleTimeUs)) return 'sampleTimeUs';
  if (!isCount(payloadBytes)) return 'payloadBytes';
  if (!isCount(samples)) return 'samples';
  if (!isFile(records)) return 'records';
  const { samplesTable } = manifest;
  return samplesTable === undefined || isFile(samplesTable) ? undefined : 'samplesTable';
}

const isDigest = (value: unknown): boolean =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isFile = (value: ArchivedFile | undefined): boolean =>
  typeof value?.file === 'string' && isCount(value.bytes) && isDigest(value.sha256);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isSpan = (value: RangeManifest['appendTimeUs'] | undefined): boolean =>
  value !== undefined && Number.isFinite(value?.min) && Number.isFinite(value?.max);
