import type { Log } from '@millrace/runtime';
import type { ClosedSegment } from '../retention.ts';
import {
  corruptSegment,
  createSegment,
  openSegment,
  removeIfThere,
  type OpenSegment,
} from './segment-file-open.ts';
import type { SegmentFile, SegmentFiles } from './segment-files.ts';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FrameKind,
  parseSegmentFileName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './segment-format.ts';
import { scanSegment, type ScannedSegment } from './segment-scan.ts';
import { SegmentTail } from './segment-tail.ts';

/** A partition as it was found, ready to take records. */
export interface RecoveredPartition {
  closed: ClosedSegment[];
  tail: SegmentTail;
  /** The next offset. Everything below is flushed. */
  end: number;
}

type Place = Readonly<{ files: SegmentFiles; directory: string; where: string; log: Log }>;

const COPY_BYTES = 1024 * 1024;

/**
 * Opens the files of one partition for appending. Only the last segment can have a torn end; of
 * the others the end frame must say that they reach exactly to the next.
 *
 * @throws StreamError STREAM_CORRUPT, STREAM_VERSION, or what the operating system says.
 */
export async function recoverPartition(place: Place, nowUs: number): Promise<RecoveredPartition> {
  const bases = await listBases(place);
  const closed: ClosedSegment[] = [];
  for (const [i, base] of bases.slice(0, -1).entries()) {
    closed.push(await readClosedSegment(place, base, bases[i + 1]!));
  }
  const last = bases.at(-1);
  if (last === undefined) return { closed, end: 0, tail: await startSegment(place, 0) };
  const segment = await openSegment({ ...place, base: last }, 'write');
  try {
    const found = await scanSegment(segment.file, segment.header);
    checkDamage(place, segment, found);
    await restoreEnd(place, segment, found);
    if (found.ended) {
      await segment.file.close();
      closed.push(await readClosedSegment(place, last, found.endOffset));
      return { closed, end: found.endOffset, tail: await startSegment(place, found.endOffset) };
    }
    const flushedBytes = found.endBytes;
    const bytes = { flushedBytes, filledBytes: flushedBytes };
    const tail = await SegmentTail.open(place.files, segment, bytes);
    await tail.seal(found.endOffset, nowUs).catch((error: unknown) => {
      // Only a witness less for the next start; a full disk is no reason not to open.
      place.log.debug({ where: place.where, error }, 'Could not seal the end of the log.');
    });
    return { closed, end: found.endOffset, tail };
  } catch (error) {
    await segment.file.close().catch(() => undefined);
    throw error;
  }
}

/** The base offsets of the segments, ascending. Unfinished new segments are removed. */
async function listBases(place: Place): Promise<number[]> {
  const bases: number[] = [];
  for (const name of await place.files.list(place.directory)) {
    const base = parseSegmentFileName(name);
    if (base !== undefined) bases.push(base);
    else if (name.endsWith('.seg.tmp'))
      await removeIfThere(place.files, `${place.directory}/${name}`);
  }
  return bases.sort((a, b) => a - b);
}

async function startSegment(place: Place, base: number): Promise<SegmentTail> {
  const segment = await createSegment({ ...place, base });
  const flushedBytes = SEGMENT_HEADER_BYTES;
  return SegmentTail.open(place.files, segment, { flushedBytes, filledBytes: flushedBytes });
}

async function readClosedSegment(
  place: Place,
  base: number,
  nextBase: number,
): Promise<ClosedSegment> {
  const { path, file, header } = await openSegment({ ...place, base }, 'read');
  try {
    let frame = await lastFrame(file, header);
    if (frame === undefined) {
      await trimClosedSegment(place, base);
      frame = await lastFrame(file, header);
    }
    const bytes = await file.size();
    const position = bytes - FRAME_HEADER_BYTES;
    const corrupt = (detail: string): Error =>
      corruptSegment({ where: place.where, path, byte: Math.max(0, position), detail });
    if (frame?.kind !== FrameKind.end) {
      throw corrupt('it is followed by a newer segment but does not end with an end frame');
    }
    if (frame.offset !== nextBase) {
      throw corrupt(
        `it ends at offset ${frame.offset} and the next segment begins at ${nextBase}, so a file ` +
          'between them is missing',
      );
    }
    return { base, end: nextBase, bytes, closedAtUs: frame.appendTimeUs };
  } finally {
    await file.close();
  }
}

/** Cuts off zeros behind the end frame, which whoever closed the segment did not get to. */
async function trimClosedSegment(place: Place, base: number): Promise<void> {
  const { file, header } = await openSegment({ ...place, base }, 'write');
  try {
    const found = await scanSegment(file, header);
    if (found.ended && found.tornBytes === 0 && found.damage === undefined) {
      await file.truncate(found.endBytes);
    }
  } finally {
    await file.close();
  }
}

/** What the last bytes of the file are, if they are a frame without a payload. */
async function lastFrame(
  file: SegmentFile,
  { salt }: SegmentHeader,
): Promise<ReturnType<typeof decodeFrameHeader>> {
  const position = (await file.size()) - FRAME_HEADER_BYTES;
  const buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  const length = await file.read(buffer, Math.max(0, position));
  if (position < SEGMENT_HEADER_BYTES || length !== FRAME_HEADER_BYTES) return undefined;
  return decodeFrameHeader(buffer, 0, { position, salt });
}

function checkDamage(place: Place, segment: OpenSegment, found: ScannedSegment): void {
  if (found.damage === undefined) return;
  throw corruptSegment({
    where: place.where,
    path: segment.path,
    byte: found.endBytes,
    detail:
      `the frame of offset ${found.endOffset} fails its check, and the frame at byte ` +
      `${found.damage.witness} was written after it was flushed`,
  });
}

/**
 * Cuts off a torn end, and writes what no witness covers once more before it counts as flushed:
 * it may only be in memory, and its write to the device may have failed under a process that died
 * before it could do anything about that.
 */
async function restoreEnd(
  place: Place,
  segment: OpenSegment,
  found: ScannedSegment,
): Promise<void> {
  const { file, path } = segment;
  await file.truncate(found.endBytes);
  for (let at = found.witnessedBytes; at < found.endBytes; at += COPY_BYTES) {
    const bytes = Buffer.alloc(Math.min(COPY_BYTES, found.endBytes - at));
    await file.read(bytes, at);
    await file.write(bytes, at);
  }
  await file.flush();
  if (found.tornBytes > 0) {
    place.log.warn(
      {
        where: place.where,
        file: path,
        byte: found.endBytes,
        tornBytes: found.tornBytes,
        nextOffset: found.endOffset,
      },
      'Cut off a torn end of the log: it was never acknowledged, so nothing is lost.',
    );
  }
}
