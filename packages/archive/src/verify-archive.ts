import { errorKind, MillraceError } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';
import { archiveDamaged } from './archive-errors.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { archivedLogs } from './archived-ranges.ts';
import { stretchesOf } from './coverage.ts';
import { sha256Of } from './digest.ts';
import { archivedPartitions, rangesIn } from './look-at-archive.ts';
import { logFolder, type ArchivedRange, type RangeKey } from './range.ts';
import { loadRange, readContent, type LoadedRange } from './read-range.ts';

/** Something that is not as it should be. */
export interface ArchiveFault {
  topic: string;
  partition: number;
  logId: string;
  /** Of the range, or of what is missing. */
  from: number;
  to: number;
  /** `damaged`: a file; `gap`: no range has these offsets; `order`: it is not of the same log. */
  kind: 'damaged' | 'gap' | 'order';
  message: string;
}

export interface ArchiveReport {
  format: 1;
  where: string;
  ranges: number;
  records: number;
  samples: number;
  /** Of the files that were read. */
  bytes: number;
  /** Files that no manifest names: of an attempt that broke off. They do no harm. */
  unnamedFiles: number;
  faults: ArchiveFault[];
}

interface VerifyParts {
  files: ArchiveFiles;
  onRange?: (partition: number, bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** Reads every byte of an archive and every record in it. Rejects only when it cannot be read. */
export async function verifyArchive(parts: VerifyParts): Promise<ArchiveReport> {
  const { files, signal } = parts;
  const counts = { ranges: 0, records: 0, samples: 0, bytes: 0, unnamedFiles: 0 };
  const report: ArchiveReport = { format: 1, where: files.where, ...counts, faults: [] };
  for (const partition of await archivedPartitions(files, signal)) {
    for (const topic of [TOPIC_EVENTS, TOPIC_CHECKPOINTS] as const) {
      for (const logId of await archivedLogs(files, { topic, partition }, signal)) {
        await verifyLog(parts, { topic, partition, logId }, report);
      }
    }
  }
  return report;
}

async function verifyLog(parts: VerifyParts, key: RangeKey, report: ArchiveReport): Promise<void> {
  const { files, onRange, signal } = parts;
  const { ranges, names } = await rangesIn(files, key, signal);
  let before: LoadedRange | undefined;
  for (const range of ranges) {
    signal?.throwIfAborted();
    try {
      const loaded = await loadRange(files, range, signal);
      await readWhole(loaded, files.where);
      const { records, samples, samplesTable } = loaded.manifest;
      names.delete(`${logFolder(key)}${records.file}`);
      if (samplesTable !== undefined) {
        names.delete(`${logFolder(key)}${samplesTable.file}`);
        await readContent(files, range, samplesTable, signal);
        report.bytes += samplesTable.bytes;
      }
      report.ranges += 1;
      report.records += range.to - range.from;
      report.samples += samples;
      report.bytes += records.bytes;
      const follows = before === undefined || doesFollow(before, loaded);
      if (!follows) report.faults.push(faultOf(range, 'order', OTHER_ORDER));
      before = loaded;
      onRange?.(key.partition, records.bytes);
    } catch (error) {
      if (errorKind(error) !== 'permanent') throw error;
      report.faults.push(faultOf(range, 'damaged', (error as MillraceError).message));
      before = undefined;
    }
  }
  report.unnamedFiles += names.size;
  if (key.topic === TOPIC_EVENTS) report.faults.push(...gapsOf(key, ranges));
}

const OTHER_ORDER = 'Its record before is another one than the last one of the range before.';

function doesFollow({ manifest: a }: LoadedRange, { manifest: b }: LoadedRange): boolean {
  return a.to !== b.from || b.previousSha256 === null || b.previousSha256 === a.lastSha256;
}

/** Sound bytes may still hold what their manifest does not say: what wrote them had a fault. */
async function readWhole(loaded: LoadedRange, where: string): Promise<void> {
  const { range, manifest } = loaded;
  let payloadBytes = 0;
  let last = '';
  for (let offset = range.from; offset < range.to;) {
    const records = await loaded.read(offset);
    for (const { payload } of records) payloadBytes += payload.length;
    last = sha256Of(records.at(-1)!.payload);
    offset += records.length;
  }
  if (last === manifest.lastSha256 && payloadBytes === manifest.payloadBytes) return;
  const detail = 'its records are not those that its manifest describes';
  throw archiveDamaged({ where, name: range.name, detail });
}

function gapsOf(key: RangeKey, ranges: readonly ArchivedRange[]): ArchiveFault[] {
  const stretches = stretchesOf(ranges);
  return stretches.slice(1).map(({ from: to }, i) => {
    const { to: from } = stretches[i]!;
    const message = `Offsets ${from} to ${to} are in no range.`;
    return faultOf({ ...key, from, to }, 'gap', message);
  });
}

function faultOf(
  { topic, partition, logId, from, to }: Omit<ArchivedRange, 'name'>,
  kind: ArchiveFault['kind'],
  message: string,
): ArchiveFault {
  return { topic, partition, logId, from, to, kind, message };
}
