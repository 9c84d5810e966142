import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream, type StreamRecord, type Topic } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import type { ArchiveFiles } from '../archive-files.ts';
import { Archiver, type RangeSettings } from '../archiver.ts';
import { openDirectoryFiles } from '../directory/directory-files.ts';
import type { RangeManifest } from '../manifest.ts';

export const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
export const START_US = 1_700_000_000_000_000;

/** A log whose clock goes on a second with each record, and an archive of it in a directory. */
export interface ArchivedLog {
  log: MemoryLog;
  clock: Clock;
  stream: Stream;
  directory: string;
  files: ArchiveFiles;
  archived: RangeManifest[];
  archiver(settings?: Partial<RangeSettings>): Archiver;
  /** Archives all that is closed; the position up to which it is then. */
  archive(settings?: Partial<RangeSettings>): Promise<number>;
  /** Appends ticks and records that are none, of some hundred bytes. */
  append(count: number): void;
  /** The log forgets what lies below. */
  forget(position: number): Promise<void>;
  close(): Promise<void>;
}

export const SMALL_RANGES: RangeSettings = {
  ...{ rangeBytesMax: 2000, rangeMsMax: 10_000_000, samplesTable: false },
};

export async function createArchivedLog(logId: string = LOG_ID): Promise<ArchivedLog> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
  // No two logs were written at the same time.
  let nowUs = START_US + logId.charCodeAt(0);
  const clock: Clock = { nowUs: () => nowUs, sleep: async () => undefined };
  const settings = { segmentBytes: 1, retentionMs: 0 };
  const log = new MemoryLog({ partitions: 1, clock, settings });
  const stream = openMemoryStream(log);
  const files = openDirectoryFiles(directory);
  const archived: RangeManifest[] = [];
  const put = (payload: Uint8Array): void => {
    log.partition(TOPIC_EVENTS, 0).append(payload);
    nowUs += 1_000_000;
  };
  put(encodeEventsRecord({ kind: EventsRecordKind.log, logId }));
  const archiver = (changes: Partial<RangeSettings> = {}): Archiver => {
    const onArchived = (range: RangeManifest): void => void archived.push(range);
    const parts = { stream, files, clock, onArchived };
    return new Archiver(parts, { ...SMALL_RANGES, ...changes });
  };
  return {
    ...{ log, clock, stream, directory, files, archived, archiver },
    archive: async (changes) => {
      const archiving = archiver(changes);
      for (let before = -1; ;) {
        const { position } = await archiving.archive(0, logId);
        if (position === before) return position;
        before = position;
      }
    },
    append: (count) => {
      for (let i = 0; i < count; i += 1) {
        const { end } = log.partition(TOPIC_EVENTS, 0).bounds;
        if (end % 3 === 0)
          put(encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs: nowUs }));
        else put(new Uint8Array(200 + (end % 50)).fill(end + logId.charCodeAt(0)));
      }
    },
    forget: async (position) => await stream.release(TOPIC_EVENTS, 0, position),
    close: async () => {
      await stream.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** All that a reader finds from `from` on, each record as its own copy. */
export async function readAll(
  stream: Stream,
  from: number,
  topic: Topic = TOPIC_EVENTS,
  bytesMax = 1000,
): Promise<StreamRecord[]> {
  const reader = stream.reader(topic, 0, from);
  const read: StreamRecord[] = [];
  try {
    for (;;) {
      const records = await reader.next({ bytesMax, waitMs: 0 });
      if (records.length === 0) return read;
      for (const { payload, ...rest } of records)
        read.push({ ...rest, payload: Uint8Array.from(payload) });
    }
  } finally {
    await reader.close();
  }
}
