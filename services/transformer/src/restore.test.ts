import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Archiver,
  DEFAULT_RANGE_SETTINGS,
  openArchiveFiles,
  withArchive,
  type ArchiveFiles,
} from '@millrace/archive';
import { MillraceError } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { MemoryStateStore } from '@millrace/state/memory';
import { openMemoryStream } from '@millrace/stream/memory';
import { EventsRecordKind, listEntries } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { restoreTo } from './restore-to.ts';
import { StageBench } from './testing/stage-bench.ts';
import { variedLog } from './testing/varied-log.ts';
import type { Transformer } from './transformer.ts';

const T0 = 1_700_000_000_000_000;
const NEVER = new AbortController().signal;

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 2 });
}

/** A quarter of a log folded, then a checkpoint, another quarter, and then everybody gone. */
async function benchWithCheckpoint(seed: number): Promise<StageBench> {
  const bench = new StageBench();
  const log = variedLog(seed, { records: 120 });
  for (const { record } of log.slice(0, 30)) bench.append(record);
  const first = await runTo(bench, bench.end());
  await first.stop();
  const outcomes = await first.checkpoint({ isAsked: true, signal: NEVER });
  expect(outcomes).toMatchObject([{ outcome: 'made' }]);
  for (const { record } of log.slice(30, 60)) bench.append(record);
  await (await runTo(bench, bench.end())).stop();
  for (const { record } of log.slice(60)) bench.append(record);
  return bench;
}

/** A transformer that has committed up to a position. */
async function runTo(bench: StageBench, position: number): Promise<Transformer> {
  const transformer = bench.start();
  void transformer.run();
  await until(() => expect(bench.committed() ?? 0).toBeGreaterThanOrEqual(position));
  return transformer;
}

async function expectSameEntries(bench: StageBench): Promise<void> {
  const end = bench.end();
  const transformer = await runTo(bench, end);
  await transformer.stop();
  expect(bench.published()).toEqual(bench.expected(bench.committed()!));
}

function empty(bench: StageBench): void {
  const held = bench.database.partition(0);
  held.position = undefined;
  held.pageCount = 0;
  held.pages.clear();
}

const losses: [string, (bench: StageBench) => void][] = [
  ['is empty', empty],
  ['lost its position', (bench) => void (bench.database.partition(0).position = undefined)],
  ['lost a page', (bench) => void bench.database.partition(0).pages.delete('s0')],
  [
    'lacks a page that it does not count',
    (bench) => {
      const held = bench.database.partition(0);
      held.pages.delete('s0');
      held.pageCount -= 1;
    },
  ],
];

it.each(losses)('goes on from a checkpoint when the state %s', async (_, lose) => {
  const bench = await benchWithCheckpoint(11);
  lose(bench);
  await expectSameEntries(bench);
});

it.each(losses)('... also when the log begins behind its first record: it %s', async (_, lose) => {
  const bench = await benchWithCheckpoint(12);
  lose(bench);
  const end = bench.end();
  const expected = bench.expected(end);
  await openMemoryStream(bench.log).release(TOPIC_EVENTS, 0, 20);
  expect((await openMemoryStream(bench.log).bounds(TOPIC_EVENTS, 0)).start).toBe(20);
  const transformer = await runTo(bench, end);
  await transformer.stop();
  // Ticks that came meanwhile put out more; `published` throws when two disagree about an entry.
  expect(bench.published().slice(0, expected.length)).toEqual(expected);
});

it.each(losses)(
  'folds the whole log again without a checkpoint when the state %s',
  async (_, lose) => {
    const bench = new StageBench();
    for (const { record } of variedLog(14, { records: 60 })) bench.append(record);
    await (await runTo(bench, bench.end())).stop();
    lose(bench);
    for (const { record } of variedLog(14, { records: 80 }).slice(60)) bench.append(record);
    await expectSameEntries(bench);
  },
);

it('stops with the reason when there is no checkpoint that leads into the log', async () => {
  const bench = await benchWithCheckpoint(13);
  empty(bench);
  await openMemoryStream(bench.log).release(TOPIC_EVENTS, 0, bench.end() - 1);
  const transformer = bench.start();
  const running = transformer.run();
  await until(() =>
    expect(transformer.status().partitions[0]).toMatchObject({
      state: 'stopped',
      reason: { code: 'TRANSFORMER_EXPIRED', remedy: expect.stringContaining('checkpoint list') },
    }),
  );
  await transformer.stop();
  await running;
});

describe('with an archive, when the log begins too late', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-restore-'));
  });
  afterEach(async () => await rm(directory, { recursive: true }));

  /** What the whole log puts out; then only the archive has all of it. */
  async function archiveAndForget(bench: StageBench, files: ArchiveFiles): Promise<string[]> {
    const expected = bench.expected(bench.end());
    const stream = openMemoryStream(bench.log);
    const parts = { stream, files, clock: bench.clock, onArchived: () => undefined };
    const archiver = new Archiver(parts, { ...DEFAULT_RANGE_SETTINGS, rangeBytesMax: 3000 });
    await archiver.archive(0, bench.database.partition(0).position!.logId, { isAll: true });
    await stream.release(TOPIC_EVENTS, 0, bench.end() - 1);
    const checkpoints = await stream.bounds(TOPIC_CHECKPOINTS, 0);
    await stream.release(TOPIC_CHECKPOINTS, 0, checkpoints.end);
    return expected;
  }

  async function directoryFiles(): Promise<ArchiveFiles> {
    const url = `file://${directory}`;
    const keys = { accessKeyId: undefined, secretAccessKey: undefined, sessionToken: undefined };
    return (await openArchiveFiles({ url, region: 'none', ...keys }))!;
  }

  const losses: [string, (bench: StageBench) => void][] = [
    ['is gone, and every checkpoint', empty],
    [
      'is an older one, which was put back from a backup',
      (bench) => Object.assign(bench.database.partition(0), structuredClone(backup)),
    ],
  ];
  let backup: object;

  it.each(losses)('folds from there, while it waits for it: the state %s', async (_, lose) => {
    const bench = new StageBench();
    const log = variedLog(15, { records: 90 });
    for (const { record } of log.slice(0, 40)) bench.append(record);
    await (await runTo(bench, bench.end())).stop();
    backup = structuredClone(bench.database.partition(0));
    for (const { record } of log.slice(40)) bench.append(record);
    await (await runTo(bench, bench.end())).stop();
    const files = await directoryFiles();
    const expected = await archiveAndForget(bench, files);
    lose(bench);
    const before = bench.log.partition(TOPIC_SERIES, 0).bounds.end;
    let isAway = true;
    const away: ArchiveFiles = {
      ...files,
      folders: async (...asked) => {
        if (isAway) throw new MillraceError(AWAY);
        return await files.folders(...asked);
      },
    };
    const archived = withArchive({ stream: openMemoryStream(bench.log), files: away });
    const transformer = bench.start({}, { archived });
    const running = transformer.run();
    await until(() =>
      expect(transformer.status().partitions[0]).toMatchObject({
        ...{ state: 'waiting', reason: { code: AWAY.code } },
      }),
    );
    expect(bench.committed() ?? 0).toBeLessThan(bench.end() - 1);
    isAway = false;
    await until(() => expect(bench.committed() ?? 0).toBeGreaterThanOrEqual(bench.end() - 1));
    await transformer.stop();
    await running;
    // What was put out is put out once more; `published` throws when it is not the same.
    expect(bench.published().slice(0, expected.length)).toEqual(expected);
    const again = bench.log.partition(TOPIC_SERIES, 0).read(before, Infinity);
    expect(again.flatMap(({ payload }) => listEntries(payload)).length).toBeGreaterThan(20);
  });

  it('is put back to what only the archive leads on from, when a person says so', async () => {
    const bench = await benchWithCheckpoint(16);
    const files = await directoryFiles();
    await archiveAndForget(bench, files);
    const stream = openMemoryStream(bench.log);
    const state = new MemoryStateStore(bench.database);
    const parts = { stream, state, partition: 0, signal: NEVER, onPassedOver: () => undefined };
    await expect(restoreTo(parts, 10)).rejects.toMatchObject({ code: 'TRANSFORMER_NO_WAY_BACK' });
    const archived = withArchive({ stream, files });
    const restored = await restoreTo({ ...parts, archived }, 10);
    expect(restored).toEqual({ position: 0, from: 'log', isArchived: true });
    expect(bench.committed()).toBe(0);
  });
});

const AWAY = { code: 'ARCHIVE_UNREACHABLE', kind: 'transient', message: 'It is away.' } as const;

it('makes checkpoints by itself, one at a time, of what is committed', async () => {
  const bench = new StageBench(2);
  for (const partition of [0, 1]) {
    for (const { record } of variedLog(14, { records: 40 })) bench.append(record, partition);
  }
  const checkpoint = { intervalMs: 10, keptBytesMax: 1e9 };
  const transformer = bench.start({ checkpoint });
  const running = transformer.run();
  const made = (partition: number): number =>
    bench.log.partition(TOPIC_CHECKPOINTS, partition).bounds.end;
  await until(() => expect(Math.min(made(0), made(1))).toBeGreaterThan(20));
  await transformer.stop();
  await running;
  const ends = [made(0), made(1)];
  bench.append({ kind: EventsRecordKind.tick, receivedAtUs: T0 });
  expect([made(0), made(1)]).toEqual(ends);
});
