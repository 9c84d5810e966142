import { compareAddress, type Address } from '@millrace/model';
import type { StoredMark } from '@millrace/store';
import {
  STREAM_CODES,
  StreamError,
  TOPIC_SERIES,
  type Stream,
  type StreamRecord,
} from '@millrace/stream';
import { decodeSeriesRecordHeader, LIVE_SOURCE, type SeriesRecordHeader } from '@millrace/wire';
import { covers, isSameKey, type Cursor } from './cursors.ts';
import { atRecord } from './writer-errors.ts';

const PROBE_BYTES_MAX = 1 << 20;
const LOOK_BACK_RECORDS = 10_000;

type Where = Readonly<{ stream: Stream; partition: number }>;

/**
 * An offset to start reading at: what lies before it is below the marks, as far as one can tell
 * by looking at few records. A gap found from there may be none: `findCovering` looks at all.
 *
 * All sources are applied in the order of this log, so what is below its source's mark ends at one
 * offset for all of them. Records follow one another without a gap, but a range may occur again
 * further on, put out by an owner that went back: so the binary search may end behind the record
 * it should find. Of the live source more comes, which shows that; of a job it may have been the
 * last record of all, so for those it is looked back. Records of a closed source are never applied,
 * wherever they lie; so they tell nothing.
 */
export async function seek(
  where: Where,
  marks: ReadonlyMap<string, StoredMark>,
  signal: AbortSignal,
): Promise<number> {
  const { stream, partition } = where;
  const live = marks.get(LIVE_SOURCE);
  for (;;) {
    signal.throwIfAborted();
    const { start, end } = await stream.bounds(TOPIC_SERIES, partition);
    if (live === undefined) return start;
    const isDone = (header: SeriesRecordHeader): boolean | undefined => {
      if (header.logId !== live.logId) return header.logNumber < live.logNumber;
      const stored = marks.get(header.source);
      if (stored?.logId !== header.logId) return false;
      if (stored.isClosed === true) return undefined;
      return compareAddress(header.to, stored.mark) <= 0;
    };
    try {
      const found = await firstNotDone({ ...where, isDone, start, end, signal });
      return await lookBack({ ...where, marks, start, end: found, signal });
    } catch (error) {
      if (!isOutOfRange(error)) throw error;
      // Retention moved on between the two calls: look at the bounds again.
    }
  }
}

type Search = Where &
  Readonly<{
    /** Undefined: the record tells nothing. */
    isDone: (header: SeriesRecordHeader) => boolean | undefined;
    start: number;
    end: number;
    signal: AbortSignal;
  }>;

async function firstNotDone(search: Search): Promise<number> {
  let { start, end } = search;
  while (start < end) {
    const middle = Math.floor((start + end) / 2);
    const doneAt = await nextDone({ ...search, start: middle, end });
    if (doneAt === undefined) end = middle;
    else start = doneAt + 1;
  }
  return start;
}

/**
 * The first record of an open job, of the last ones before `end`, that is not applied; else `end`.
 * What is put out again reaches no further back than from one commit to the next.
 */
async function lookBack(
  params: Omit<Search, 'isDone'> & Readonly<{ marks: ReadonlyMap<string, StoredMark> }>,
): Promise<number> {
  const { stream, partition, marks, end, signal } = params;
  const open = new Map(
    [...marks].filter(([source, { isClosed }]) => source !== LIVE_SOURCE && isClosed !== true),
  );
  if (open.size === 0) return end;
  const from = Math.max(params.start, end - LOOK_BACK_RECORDS);
  const reader = stream.reader(TOPIC_SERIES, partition, from);
  try {
    for (let next = from; next < end;) {
      for (const record of await reader.next({ bytesMax: PROBE_BYTES_MAX, waitMs: 1000, signal })) {
        if (record.offset >= end) return end;
        const { source, logId, to } = headerOf(record, partition);
        const stored = open.get(source);
        if (stored?.logId === logId && compareAddress(to, stored.mark) > 0) return record.offset;
        next = record.offset + 1;
      }
    }
    return end;
  } finally {
    await reader.close();
  }
}

/** The offset of the first record that tells anything, if it tells that it is done. */
async function nextDone(search: Search): Promise<number | undefined> {
  const { stream, partition, isDone, start, end, signal } = search;
  const reader = stream.reader(TOPIC_SERIES, partition, start);
  // Nearly always the first one tells.
  let bytesMax = 1;
  let next = start;
  try {
    while (next < end) {
      // What lies below the end is there; a reader may still need a moment to see it.
      for (const record of await reader.next({ bytesMax, waitMs: 1000, signal })) {
        if (record.offset >= end) return undefined;
        const verdict = isDone(headerOf(record, partition));
        if (verdict !== undefined) return verdict ? record.offset : undefined;
        next = record.offset + 1;
        bytesMax = PROBE_BYTES_MAX;
      }
    }
    return undefined;
  } finally {
    await reader.close();
  }
}

/** What a whole look at the log tells of entries that it does not hold. */
export interface Missing {
  /** Where the first record begins that the log holds behind the missing entries. */
  to: Address | undefined;
  /** Whether they lie before everything that the log still holds. */
  isForgotten: boolean;
}

/**
 * Looks at every record held, then at every one that is appended, until one continues what the
 * cursor has; its offset. `onMissing` is told once, when the end is reached without; undefined when
 * it says that nobody waits.
 */
export async function findCovering(
  params: Where &
    Readonly<{
      cursor: Cursor;
      readBytesMax: number;
      readWaitMs: number;
      signal: AbortSignal;
      /** False: it gives up for now. */
      onMissing: (missing: Missing) => boolean;
    }>,
): Promise<number | undefined> {
  const { stream, partition, cursor, readBytesMax, signal } = params;
  const { start } = await stream.bounds(TOPIC_SERIES, partition);
  const reader = stream.reader(TOPIC_SERIES, partition, start);
  let waitMs = 0;
  let first: Address | undefined;
  let to: Address | undefined;
  try {
    for (;;) {
      const records = await reader.next({ bytesMax: readBytesMax, waitMs, signal });
      for (const record of records) {
        const header = headerOf(record, partition);
        if (covers(cursor, header)) return record.offset;
        if (!isSameKey(cursor.key, header)) continue;
        first ??= header.from;
        const isBehind = compareAddress(header.from, cursor.next) > 0;
        if (isBehind && (to === undefined || compareAddress(header.from, to) < 0)) to = header.from;
      }
      if (records.length > 0 || waitMs > 0) continue;
      const isForgotten = start > 0 && to !== undefined && to === first;
      if (!params.onMissing({ to, isForgotten })) return undefined;
      waitMs = params.readWaitMs;
    }
  } finally {
    await reader.close();
  }
}

function headerOf(record: StreamRecord, partition: number): SeriesRecordHeader {
  try {
    return decodeSeriesRecordHeader(record.payload);
  } catch (error) {
    throw atRecord(error, partition, record.offset);
  }
}

export function isOutOfRange(error: unknown): boolean {
  return error instanceof StreamError && error.code === STREAM_CODES.outOfRange;
}
