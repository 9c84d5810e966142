import { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import { archivedLogs, readManifest } from './archived-ranges.ts';
import { stretchesOf, type Stretch } from './coverage.ts';
import { logFolder, rangeOfName, type ArchivedRange, type RangeKey } from './range.ts';

/** What an archive has of one partition of one log. */
export interface ArchivedLogLook {
  partition: number;
  logId: string;
  ranges: number;
  /** Of all files in its folder, those of checkpoints as well. */
  bytes: number;
  checkpoints: number;
  /** Offsets without a gap; more than one: what lies between is in no range. */
  stretches: Stretch[];
  /** The log's clock at the newest record, in microseconds. */
  newestUs: number;
}

/** Partitions there may be, at most; their folders are named by number. */
const PARTITION = /^\d{5}$/;

/** What there is, by its listing and the newest manifests: no file of records is read. */
export async function lookAtArchive(
  files: ArchiveFiles,
  signal?: AbortSignal,
): Promise<ArchivedLogLook[]> {
  const looks: ArchivedLogLook[] = [];
  for (const partition of await archivedPartitions(files, signal)) {
    for (const logId of await archivedLogs(files, { topic: TOPIC_EVENTS, partition }, signal)) {
      const key = { partition, logId };
      const events = await rangesIn(files, { ...key, topic: TOPIC_EVENTS }, signal);
      const copies = await rangesIn(files, { ...key, topic: TOPIC_CHECKPOINTS }, signal);
      const newest = events.ranges.at(-1);
      if (newest === undefined) continue;
      const { appendTimeUs } = await readManifest(files, newest, signal);
      looks.push({
        ...{ partition, logId, ranges: events.ranges.length, checkpoints: copies.ranges.length },
        bytes: events.bytes + copies.bytes,
        stretches: stretchesOf(events.ranges),
        newestUs: appendTimeUs.max,
      });
    }
  }
  return looks;
}

/** The partitions that there is something of. */
export async function archivedPartitions(
  files: ArchiveFiles,
  signal?: AbortSignal,
): Promise<number[]> {
  const found = new Set<number>();
  for (const topic of [TOPIC_EVENTS, TOPIC_CHECKPOINTS]) {
    const folders = await files.folders(`${topic}/`, signal);
    for (const name of folders) if (PARTITION.test(name)) found.add(Number(name));
  }
  return [...found].toSorted((a, b) => a - b);
}

/** Manifests that are there, and the bytes of all files beside them. */
export async function rangesIn(
  files: ArchiveFiles,
  key: RangeKey,
  signal?: AbortSignal,
): Promise<{ ranges: ArchivedRange[]; bytes: number; names: Set<string> }> {
  const ranges: ArchivedRange[] = [];
  const names = new Set<string>();
  let bytes = 0;
  for await (const file of files.list({ prefix: logFolder(key), signal })) {
    bytes += file.bytes;
    const range = rangeOfName(key, file.name);
    if (range === undefined) names.add(file.name);
    else ranges.push(range);
  }
  return { ranges, bytes, names };
}
