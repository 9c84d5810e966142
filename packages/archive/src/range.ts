import type { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';

/** What is archived: events, and the records of checkpoints. */
export type ArchivedTopic = typeof TOPIC_EVENTS | typeof TOPIC_CHECKPOINTS;

/** Whose ranges they are. */
export interface RangeKey {
  topic: ArchivedTopic;
  partition: number;
  logId: string;
}

/** A stretch of offsets `[from, to)` in the archive, as the name of its manifest says. */
export interface ArchivedRange extends RangeKey {
  from: number;
  to: number;
  /** Of the manifest. */
  name: string;
}

const PARTITION_DIGITS = 5;
const OFFSET_DIGITS = 16;
const MANIFEST = '.manifest.json';
/** By which a reader knows that the digest in a name is the one of the file. */
const DIGEST_DIGITS_MIN = 16;

/** `metrics.events/00003/`: the logs of a partition lie in it. */
export function partitionFolder({ topic, partition }: Omit<RangeKey, 'logId'>): string {
  return `${topic}/${String(partition).padStart(PARTITION_DIGITS, '0')}/`;
}

export function logFolder(key: RangeKey): string {
  return `${partitionFolder(key)}${key.logId}/`;
}

/** Names sort as the offsets do. */
export function manifestName(key: RangeKey, { from, to }: Readonly<{ from: number; to: number }>) {
  return `${logFolder(key)}${offsetText(from)}-${offsetText(to)}${MANIFEST}`;
}

/** The name tells the contents: two that archive the same never disturb one another. */
export function contentName(
  key: RangeKey,
  { from, to, sha256 }: Readonly<{ from: number; to: number; sha256: string }>,
  of: 'records' | 'samples',
): string {
  const digest = sha256.slice(0, DIGEST_DIGITS_MIN);
  return `${logFolder(key)}${offsetText(from)}-${offsetText(to)}.${digest}.${of}.parquet`;
}

/** What a name in the folder of a log says; undefined: it is no manifest. */
export function rangeOfName(key: RangeKey, name: string): ArchivedRange | undefined {
  const folder = logFolder(key);
  if (!name.startsWith(folder) || !name.endsWith(MANIFEST)) return undefined;
  const match = /^(\d+)-(\d+)$/.exec(name.slice(folder.length, -MANIFEST.length));
  const from = Number(match?.[1]);
  const to = Number(match?.[2]);
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from >= to) return undefined;
  const { topic, partition, logId } = key;
  return { topic, partition, logId, from, to, name };
}

/** A folder that a log has left behind: its id is 16 bytes as hex. */
export function isLogFolder(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

function offsetText(offset: number): string {
  return String(offset).padStart(OFFSET_DIGITS, '0');
}
