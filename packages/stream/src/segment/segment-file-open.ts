import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { STREAM_CODES, StreamError } from '../stream-error.ts';
import { errnoOf, translateFileError } from './segment-errors.ts';
import type { SegmentFile, SegmentFiles } from './segment-files.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentFileName,
  type SegmentHeader,
} from './segment-format.ts';

/** A segment's file and what its header says. */
export interface OpenSegment {
  path: string;
  file: SegmentFile;
  header: SegmentHeader;
}

type NewPlace = Readonly<{ files: SegmentFiles; directory: string; base: number }>;
type Place = NewPlace & Readonly<{ where: string }>;

/** Makes a segment. */
export async function createSegment(place: NewPlace): Promise<OpenSegment> {
  const { files, directory, base } = place;
  const path = `${join(directory, segmentFileName(base))}.tmp`;
  await removeIfThere(files, path);
  const file = await files.open(path, 'create');
  try {
    return await beginSegment(place, { file, path });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Makes a segment of a file that holds nothing but zeros. It is durable before it has its name, so
 * that a file with a segment's name always has a sound header, whatever was cut off when.
 */
export async function beginSegment(
  { files, directory, base }: NewPlace,
  { file, path: from }: Readonly<{ file: SegmentFile; path: string }>,
): Promise<OpenSegment> {
  const path = join(directory, segmentFileName(base));
  const header = { base, salt: randomBytes(4).readUInt32LE() };
  await file.writeThrough(encodeSegmentHeader(header), 0);
  await files.rename(from, path);
  await files.flushDirectory(directory);
  return { path, file, header };
}

/**
 * Opens an existing segment.
 *
 * @throws StreamError STREAM_CORRUPT, STREAM_VERSION, or what the operating system says.
 */
export async function openSegment(place: Place, mode: 'read' | 'write'): Promise<OpenSegment> {
  const path = join(place.directory, segmentFileName(place.base));
  let file: SegmentFile | undefined;
  try {
    file = await place.files.open(path, mode);
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const length = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, length));
    if (typeof header === 'object' && 'base' in header && header.base === place.base) {
      return { path, file, header };
    }
    throw typeof header === 'object' && 'version' in header
      ? unknownVersion(place.where, path, header.version)
      : corruptSegment({ where: place.where, path, byte: 0, detail: 'its header is damaged' });
  } catch (error) {
    await file?.close();
    throw translateFileError(error, {
      where: place.where,
      doing: `open ${path}`,
      effect: 'Nothing was read or changed.',
    });
  }
}

export async function removeIfThere(files: SegmentFiles, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Flushed bytes that are not what was written. */
export function corruptSegment(
  params: Readonly<{ where: string; path: string; byte: number; detail: string }>,
): StreamError {
  return new StreamError({
    code: STREAM_CODES.corrupt,
    message:
      `${params.where}: ${params.path} is damaged at byte ${params.byte}: ${params.detail}. ` +
      'These bytes were flushed and may hold acknowledged records, so nothing was skipped or ' +
      'cut off; the records before it are sound.',
    remedy: 'Keep a copy of the file, check the disk, and restore the segment from a backup.',
  });
}

function unknownVersion(where: string, path: string, version: number): StreamError {
  return new StreamError({
    code: STREAM_CODES.version,
    message: `${where}: ${path} has format version ${version}, which this version cannot read.`,
    remedy: 'Start the newer version of Millrace that wrote it; nothing was changed.',
  });
}
