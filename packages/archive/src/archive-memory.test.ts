import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fingerprintOf, SampleKind, type LabelSet } from '@millrace/model';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  encodeDefinitions,
  encodeEventsRecord,
  EventsRecordKind,
  IdentityKind,
} from '@millrace/wire';
import { expect, test } from 'vitest';
import type { ArchiveFiles } from './archive-files.ts';
import { Archiver } from './archiver.ts';
import { openDirectoryFiles } from './directory/directory-files.ts';
import { LOG_ID } from './testing/archived-log.ts';
import { withArchive } from './with-archive.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MIB = 1024 * 1024;
const RANGE_BYTES_MAX = MIB;
/** Beside what is a multiple of a range: groups, compressors, what a look itself takes. */
const BESIDE_BYTES_MAX = 6 * MIB;
const RECORDS = 320;
const SERIES_PER_RECORD = 500;
const LOOK_EVERY = 40;
const TEST_MS_MAX = 120_000;
const T0 = 1_700_000_000_000_000;

/** What is in use now, without what is only not collected yet. */
async function usedBytes(): Promise<number> {
  // What the first one finds is given back a moment later.
  collect();
  await nextTurn();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** New series with labels that cannot be compressed: nothing of the log is like another part. */
function recordOfNewSeries(i: number): Uint8Array {
  const series = Array.from({ length: SERIES_PER_RECORD }, (_, n): LabelSet => {
    return [
      ['__name__', 'many'],
      ['id', `${i}-${n}-${randomBytes(40).toString('hex')}`],
    ];
  });
  const all = Uint32Array.from(series.keys());
  return encodeEventsRecord({
    ...{ kind: EventsRecordKind.data, tenant: 'default', protocol: 'test', part: 0 },
    ...{ identityKind: IdentityKind.none, identity: new Uint8Array(), refused: new Uint32Array() },
    ...{ receiver: '00000000000000aa', sequence: i, cumulativeSamples: i * SERIES_PER_RECORD },
    ...{ acknowledgedSamples: 0, acknowledgedFrom: -1, receivedAtUs: T0 + i },
    fingerprints: new Uint8Array(Buffer.concat(series.map((one) => fingerprintOf('default', one)))),
    kinds: new Uint8Array(SERIES_PER_RECORD).fill(SampleKind.gauge),
    definitions: { ...encodeDefinitions(series), rows: all },
    seriesIndex: all,
    times: new Float64Array(SERIES_PER_RECORD).fill(T0 + i),
    values: Float64Array.from(series, (_, n) => Math.sin(n * i)),
    flags: new Uint8Array(SERIES_PER_RECORD),
    ...{ ids: [], startTimes: new Float64Array(), histograms: [], exemplars: [], metadata: [] },
  });
}

test(
  'one range, and not the log or its series, is what export and reading hold',
  { timeout: TEST_MS_MAX },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-memory-'));
    let nowUs = T0;
    const clock = { nowUs: () => nowUs, sleep: async () => undefined };
    const settings = { segmentBytes: 1, retentionMs: 0 };
    const log = new MemoryLog({ partitions: 1, clock, settings });
    const partition = log.partition(TOPIC_EVENTS, 0);
    partition.append(encodeEventsRecord({ kind: EventsRecordKind.log, logId: LOG_ID }));
    for (let i = 0; i < RECORDS; i += 1) {
      nowUs += 1000;
      partition.append(recordOfNewSeries(i));
    }
    const stream = openMemoryStream(log);
    let mostBytes = 0;
    let looks = 0;
    let ranges = 0;
    const look = async (): Promise<void> => {
      looks += 1;
      mostBytes = Math.max(mostBytes, await usedBytes());
    };
    const held = openDirectoryFiles(directory);
    const files: ArchiveFiles = {
      ...held,
      put: async (name, bytes, signal) => {
        // Of a range this one is put first, when all of them are made.
        if (name.endsWith('.records.parquet') && ranges % 3 === 0) await look();
        await held.put(name, bytes, signal);
      },
    };
    const archiver = new Archiver(
      { stream, files, clock, onArchived: () => void (ranges += 1) },
      { rangeBytesMax: RANGE_BYTES_MAX, rangeMsMax: 1e9, samplesTable: true },
    );
    const before = await usedBytes();
    await archiver.archive(0, LOG_ID, { isAll: true });
    // All of the log is several times as much, and the labels of its series are once more.
    expect(ranges).toBeGreaterThan(20);
    expect(looks).toBeGreaterThan(5);
    expect(mostBytes - before).toBeLessThan(BESIDE_BYTES_MAX + 6 * RANGE_BYTES_MAX);

    await stream.release(TOPIC_EVENTS, 0, partition.bounds.end - 1);
    const readBack = async (): Promise<number> => {
      const reader = withArchive({ stream, files: held }).reader(TOPIC_EVENTS, 0, 0);
      let bytes = 0;
      for (let read = 0; read <= RECORDS;) {
        const records = await reader.next({ bytesMax: MIB, waitMs: 1000 });
        for (const { payload } of records) bytes += payload.length;
        read += records.length;
        if (read % LOOK_EVERY < 8) await look();
      }
      await reader.close();
      return bytes;
    };
    // Once before: what is loaded and compiled for it stays.
    expect(await readBack()).toBeGreaterThan(20 * MIB);
    const between = await usedBytes();
    mostBytes = 0;
    await readBack();
    expect(mostBytes - between).toBeLessThan(BESIDE_BYTES_MAX + 3 * RANGE_BYTES_MAX);
    await rm(directory, { recursive: true });
  },
);
