import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  beginCandidate,
  dropCandidate,
  firstBarrierOf,
  openControl,
  orderJobs,
} from '@millrace/control';
import { parseRules } from '@millrace/rules';
import { silentLog, systemClock as clock } from '@millrace/runtime';
import { SampleKind } from '@millrace/model';
import { TOPIC_EVENTS, TOPIC_SERIES, TOPICS } from '@millrace/stream';
import {
  createSegmentShared,
  openSegmentStream,
  type SegmentStream,
} from '@millrace/stream/segment';
import { dataRecord, liveRecord, TEST_LOG_ID } from '@millrace/transformer/testing';
import {
  decodeSeriesRecord,
  DEFAULT_FOLD_SETTINGS,
  encodeEventsRecord,
  EventsRecordKind,
  FOLD_VERSION,
  LIVE_SOURCE,
  type SeriesRecord,
} from '@millrace/wire';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readSingleSettings } from '../settings.ts';
import { createJobsHost, type JobsHost } from './jobs-host.ts';
import { createSharedPositions } from './shared-positions.ts';

/** As it is built: a thread of its own does not run from the sources. */
const ENTRY = new URL('../../dist/threads/jobs-thread.js', import.meta.url);
const PARTITIONS = 2;
const RECORDS = 40;
const T0 = 1_700_000_000_000_000;
const RULES = 'rules: [{name: r, match: m, by: [job], widths: [10s], aggregates: [sum]}]';

let base: string;
let shared: SharedArrayBuffer;
let stream: SegmentStream;
let host: JobsHost | undefined;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'millrace-jobs-'));
  shared = createSegmentShared(PARTITIONS);
  stream = await openSegmentStream({
    ...{ directory: join(base, 'log'), partitions: PARTITIONS, shared, owns: TOPICS },
    ...{ clock, log: silentLog },
  });
});
afterEach(async () => {
  await host?.close();
  await stream.close();
  await rm(base, { recursive: true });
});

let freeBytes = 2;

function start(): JobsHost {
  const { settings } = readSingleSettings({
    MILLRACE_PARTITIONS: `${PARTITIONS}`,
    MILLRACE_LOGGING__LEVEL: 'error',
  });
  const directories = {
    log: join(base, 'log'),
    state: join(base, 'state'),
    jobs: join(base, 'jobs'),
    postgres: join(base, 'postgres'),
  };
  const roomOf = async () => ({ device: 1, totalBytes: 2, freeBytes, keptFreeBytes: 1 });
  return createJobsHost(
    { stream, clock, log: silentLog, entry: ENTRY, roomOf },
    {
      ...{ directories, sharedLog: shared, settings, colours: false },
      sharedPositions: createSharedPositions(PARTITIONS),
    },
  );
}

function rulesOf(source: string) {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error('the rules of the test are wrong');
  return { rules: parsed.compiled, source };
}

async function recordsOf(partition: number): Promise<SeriesRecord[]> {
  const { end } = await stream.bounds(TOPIC_SERIES, partition);
  const reader = stream.reader(TOPIC_SERIES, partition, 0);
  const records: SeriesRecord[] = [];
  while (records.length < end) {
    for (const { payload } of await reader.next({ bytesMax: 1_000_000, waitMs: 100 })) {
      records.push(decodeSeriesRecord(payload.slice()));
    }
  }
  await reader.close();
  return records;
}

/** Events of both partitions under rules in force. */
async function fillLog(): Promise<void> {
  const settings = DEFAULT_FOLD_SETTINGS;
  const first = { ...rulesOf(RULES), settings, foldVersion: FOLD_VERSION };
  const { inForce } = await openControl({ stream, clock }, first);
  const producer = stream.producer();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const append = async (record: Parameters<typeof encodeEventsRecord>[0]): Promise<unknown> =>
      await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(record));
    await append({ kind: EventsRecordKind.log, logId: TEST_LOG_ID });
    await producer.append(TOPIC_SERIES, partition, liveRecord(1));
    await append(firstBarrierOf(inForce, PARTITIONS));
    for (let i = 0; i < RECORDS; i += 1) {
      const timeUs = T0 + i * 1_000_000;
      const labels = { __name__: 'm', job: 'a', instance: `${partition}` };
      const samples = [{ labels, kind: SampleKind.gauge, timeUs, value: 1 }];
      await append(dataRecord({ samples, receivedAtUs: timeUs, sequence: i + 1 }));
    }
  }
}

test('a thread folds the past, ends, and leaves nothing of what is dropped', async () => {
  await fillLog();
  host = start();
  await vi.waitFor(() => expect(host!.heldFrom(0)).toBe(Infinity), 10_000);
  expect(host.statuses()).toEqual([]);
  expect(existsSync(join(base, 'jobs'))).toBe(false);

  const { candidate } = await beginCandidate({ stream, clock }, { ...rulesOf(RULES), sinceUs: T0 });
  await vi.waitFor(() => {
    expect(host!.statuses().map(({ state }) => state)).toEqual(['over', 'over']);
  }, 20_000);
  // Log and barrier, the samples, and a tick before the barrier that began it.
  const end = RECORDS + 4;
  expect(host.statuses()[0]).toMatchObject({ position: end, endPosition: end });
  expect(host.heldFrom(1)).toBe(Infinity);
  for (const partition of [0, 1]) {
    const records = await recordsOf(partition);
    expect(new Set(records.map(({ source }) => source))).toEqual(
      new Set([LIVE_SOURCE, `job-${candidate!.number}`]),
    );
    const edition = candidate!.rules.rules.find(({ name }) => name === 'r')!.edition;
    const finals = records.flatMap(({ entries }) => entries.finals);
    const mine = finals.filter((piece) => piece.edition === edition);
    expect(mine.reduce((sum, { count }) => sum + count, 0)).toBe(RECORDS);
    expect(records.at(-1)!.entries.jobEnds).toMatchObject([{ candidate: candidate!.number }]);
  }
  const threads = await readdir(join(base, 'jobs'));
  expect(threads).toEqual(['0', '1'].slice(0, availableParallelism()));
  for (const thread of threads) {
    expect(await readdir(join(base, 'jobs', thread))).toEqual([`${candidate!.number}`]);
  }
  await dropCandidate({ stream, clock }, candidate!.number);
  await vi.waitFor(() => expect(existsSync(join(base, 'jobs'))).toBe(false), 10_000);
  expect(host.statuses()).toEqual([]);
});

test('there are as many threads as when jobs began: what is done lies with them', async () => {
  await fillLog();
  // As a process with one processor leaves it.
  await mkdir(join(base, 'jobs', '0'), { recursive: true });
  await beginCandidate({ stream, clock }, { ...rulesOf(RULES), sinceUs: T0 });
  host = start();
  await vi.waitFor(() => {
    expect(host!.statuses().map(({ state }) => state)).toEqual(['over', 'over']);
  }, 20_000);
  expect(await readdir(join(base, 'jobs'))).toEqual(['0']);
});

test('jobs that rest keep events, but for those that a full disk has no room for', async () => {
  await fillLog();
  const parts = { stream, clock };
  const { candidate } = await beginCandidate(parts, { ...rulesOf(RULES), sinceUs: T0 });
  await orderJobs(parts, candidate!.number, { isPaused: true });
  host = start();
  await vi.waitFor(() => {
    expect(host!.statuses().map(({ state }) => state)).toEqual(['paused', 'paused']);
  }, 20_000);
  expect(host.heldFrom(0)).toBe(0);
  freeBytes = 0;
  await vi.waitFor(() => expect(host!.heldFrom(0)).toBe(Infinity), 10_000);
  freeBytes = 2;
  await vi.waitFor(() => expect(host!.heldFrom(0)).toBe(0), 10_000);
});
