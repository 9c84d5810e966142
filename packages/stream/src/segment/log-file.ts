import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { STREAM_CODES, StreamError } from '../stream-error.ts';
import { errnoOf } from './segment-errors.ts';
import { removeIfThere } from './segment-file-open.ts';
import type { SegmentFiles } from './segment-files.ts';

/** `log.json` in the log's directory: what is fixed for its whole life. */
export interface LogFile {
  version: number;
  /** P. */
  partitions: number;
}

const LOG_FILE_NAME = 'log.json';
const LOG_FILE_VERSION = 1;

/** What the log's directory says about itself; undefined when there is no log yet. */
export async function readLogFile(
  files: SegmentFiles,
  directory: string,
): Promise<LogFile | undefined> {
  const path = join(directory, LOG_FILE_NAME);
  let text: string;
  try {
    text = await files.readText(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = parseLogFile(text);
  if (parsed === undefined) {
    throw new StreamError({
      code: STREAM_CODES.corrupt,
      message: `${path} does not name version and partitions of the log; nothing was opened.`,
      remedy: `Restore it: {"version":${LOG_FILE_VERSION},"partitions":P} with the log's own P.`,
    });
  }
  if (parsed.version !== LOG_FILE_VERSION) {
    throw new StreamError({
      code: STREAM_CODES.version,
      message: `${path} is of version ${parsed.version}, which this version cannot read.`,
      remedy: 'Start the newer version of Millrace that wrote it; nothing was changed.',
    });
  }
  return parsed;
}

/**
 * Writes the log's file when there is none, and refuses another number of partitions: records
 * are routed by it, so the same series would continue in another partition.
 *
 * @throws StreamError STREAM_PARTITIONS.
 */
export async function fixPartitions(
  files: SegmentFiles,
  directory: string,
  partitions: number,
): Promise<void> {
  const found = await readLogFile(files, directory);
  if (found === undefined) {
    await writeLogFile(files, directory, { version: LOG_FILE_VERSION, partitions });
  } else {
    checkPartitions(directory, found.partitions, partitions);
  }
}

/** @throws StreamError STREAM_PARTITIONS. */
export function checkPartitions(directory: string, found: number, asked: number): void {
  if (found === asked) return;
  throw new StreamError({
    code: STREAM_CODES.partitions,
    message:
      `The log in ${directory} has ${found} partitions and cannot be opened with ${asked}: a ` +
      'series would continue in another partition. Nothing was changed.',
    remedy: `Set the number of partitions back to ${found}, or use another directory.`,
  });
}

/** Several threads may do this at once: each writes its own file, and all say the same. */
async function writeLogFile(
  files: SegmentFiles,
  directory: string,
  content: LogFile,
): Promise<void> {
  const path = join(directory, LOG_FILE_NAME);
  const temporary = `${path}.${threadId}.tmp`;
  await removeIfThere(files, temporary);
  const file = await files.open(temporary, 'create');
  try {
    await file.write(Buffer.from(`${JSON.stringify(content)}\n`), 0);
    await file.flush();
  } finally {
    await file.close();
  }
  await files.rename(temporary, path);
  await files.flushDirectory(directory);
}

function parseLogFile(text: string): LogFile | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { version, partitions } = value as Partial<Record<string, unknown>>;
    if (!Number.isInteger(version) || !Number.isInteger(partitions)) return undefined;
    return { version: Number(version), partitions: Number(partitions) };
  } catch {
    return undefined;
  }
}
