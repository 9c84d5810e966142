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
import type { StateCommit, StatePosition } from '@millrace/state';
import { MemoryStateStore } from '@millrace/state/memory';
import { openMemoryStream } from '@millrace/stream/memory';
import { EventsRecordKind, listEntries } from '@millrace/wire';
import { decode } from '@msgpack/msgpack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { restoreTo } from './restore-to.ts';
import { entryTexts } from './testing/fold-run.ts';
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
async function runTo(
  bench: StageBench,
  position: number,
  parts: Parameters<StageBench['start']>[1] = {},
): Promise<Transformer> {
  const transformer = bench.start({}, parts);
  void transformer.run();
  await until(() => expect(bench.committed() ?? 0).toBeGreaterThanOrEqual(position));
  return transformer;
}

/** The events below `end` of the log as it was and others behind them, and all checkpoints. */
function loseEnd(bench: StageBench, end: number): void {
  const before = bench.log;
  bench.log = bench.newLog();
  const events = before.partition(TOPIC_EVENTS, 0).read(0, Infinity);
  for (const { payload } of events.slice(0, end)) {
    bench.log.partition(TOPIC_EVENTS, 0).append(new Uint8Array(payload));
  }
  for (const { payload } of before.partition(TOPIC_CHECKPOINTS, 0).read(0, Infinity)) {
    bench.log.partition(TOPIC_CHECKPOINTS, 0).append(new Uint8Array(payload));
  }
  for (let i = 0; i < 20; i += 1) {
    const receivedAtUs = bench.clock.nowUs();
    bench.append({ kind: EventsRecordKind.tick, receivedAtUs });
  }
}

/** All of it folded, and a checkpoint of that. */
async function checkpointAtEnd(bench: StageBench): Promise<void> {
  const last = await runTo(bench, bench.end());
  await last.stop();
  const outcomes = await last.checkpoint({ isAsked: true, signal: NEVER });
  expect(outcomes).toMatchObject([{ outcome: 'made' }]);
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

it('of a log that lost its end goes on from before the loss when a person says so', async () => {
  const bench = await benchWithCheckpoint(23);
  const known = bench.committed()!;
  await checkpointAtEnd(bench);
  const committed = bench.committed()!;
  // What is lost has a checkpoint of its own, which is newer.
  loseEnd(bench, known - 1);
  while (bench.end() < committed + 5) {
    bench.append({ kind: EventsRecordKind.tick, receivedAtUs: bench.clock.nowUs() });
  }
  const told = bench.start();
  const running = told.run();
  await until(() => {
    const { reason } = told.status().partitions[0]!;
    const restore = `millrace checkpoint restore --partition 0 --at-most ${committed - 1}`;
    expect(reason?.code).toBe('TRANSFORMER_OTHER_HISTORY');
    expect(reason?.remedy).toContain(restore);
  });
  const state = new MemoryStateStore(bench.database);
  const stream = openMemoryStream(bench.log);
  const parts = { stream, state, partition: 0, signal: NEVER, onPassedOver: () => undefined };
  const restored = await restoreTo(parts, committed - 1);
  expect(restored.from).toBe('checkpoint');
  expect(restored.position).toBeLessThan(known);
  await told.stop();
  await running;
  await (await runTo(bench, bench.end())).stop();
});

describe('with an archive, when the log begins too late', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-restore-'));
  });
  afterEach(async () => await rm(directory, { recursive: true }));

  /** What the whole log puts out; then only the archive has all of it. */
  async function archiveAndForget(bench: StageBench, files: ArchiveFiles): Promise<string[]> {
    const expected = await archiveAll(bench, files);
    const stream = openMemoryStream(bench.log);
    const checkpoints = await stream.bounds(TOPIC_CHECKPOINTS, 0);
    await stream.release(TOPIC_CHECKPOINTS, 0, checkpoints.end);
    return expected;
  }

  /** The same, with every checkpoint left in the log. */
  async function archiveAll(bench: StageBench, files: ArchiveFiles): Promise<string[]> {
    const expected = bench.expected(bench.end());
    const stream = openMemoryStream(bench.log);
    const parts = { stream, files, clock: bench.clock, onArchived: () => undefined };
    const archiver = new Archiver(parts, { ...DEFAULT_RANGE_SETTINGS, rangeBytesMax: 3000 });
    await archiver.archive(0, bench.database.partition(0).position!.logId, { isAll: true });
    await stream.release(TOPIC_EVENTS, 0, bench.end() - 1);
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

  it.each([
    ['a checkpoint', 'checkpoint'],
    ['the beginning', 'log'],
  ] as const)('is put back to %s under an owner that commits meanwhile', async (_, from) => {
    const bench = await benchWithCheckpoint(19);
    // The slower a machine, the more ticks are in the log when the checkpoint is made.
    const at = from === 'checkpoint' ? bench.committed()! - 1 : 10;
    const passedOver: number[] = [];
    const state = new MemoryStateStore(bench.database);
    const owned = new OwnedMeanwhile(bench, 3);
    const restored = await restoreTo(
      {
        ...{ stream: openMemoryStream(bench.log), state: owned, partition: 0, signal: NEVER },
        onPassedOver: ({ offset }) => passedOver.push(offset),
      },
      at,
    );
    expect(owned.outran).toBe(3);
    expect(restored.from).toBe(from);
    expect((await state.load(0))!.position).toBe(restored.position);
    expect(restored.position).toBeLessThanOrEqual(at);
    // Each once, however often it was tried.
    expect(passedOver).toEqual([...new Set(passedOver)]);
    await expectSameEntries(bench);
  });

  it('says that a corrupt state is gone, although its owner always commits before', async () => {
    const bench = await benchWithCheckpoint(21);
    bench.database.partition(0).pages.delete('s0');
    const state = new OwnedMeanwhile(bench, Infinity);
    const stream = openMemoryStream(bench.log);
    const parts = { stream, state, partition: 0, signal: NEVER, onPassedOver: () => undefined };
    await expect(restoreTo(parts, 40)).rejects.toMatchObject({
      ...{ code: 'TRANSFORMER_OUTRUN', kind: 'outrun' },
      message: expect.stringContaining('was discarded') as string,
    });
    expect(state.outran).toBe(10);
  });

  it('is left to an owner that always commits just before', async () => {
    const bench = await benchWithCheckpoint(20);
    const state = new OwnedMeanwhile(bench, Infinity);
    const stream = openMemoryStream(bench.log);
    const parts = { stream, state, partition: 0, signal: NEVER, onPassedOver: () => undefined };
    const before = bench.committed()!;
    await expect(restoreTo(parts, 10)).rejects.toMatchObject({
      ...{ code: 'TRANSFORMER_OUTRUN', kind: 'outrun' },
      message: expect.stringContaining('Nothing was changed.') as string,
      remedy: expect.stringContaining('stop the transformers') as string,
    });
    expect(bench.committed()).toBe(before + state.outran);
  });

  const putBack = [
    ['a checkpoint', 'checkpoint'],
    ['the beginning', 'log'],
    ['its state', 'state'],
    ['a checkpoint below its state, which is damaged', 'checkpoint'],
  ] as const;

  it.each(putBack)('goes on, whatever newer checkpoint there is, from %s', async (name, from) => {
    const bench = await benchWithCheckpoint(17);
    const older = structuredClone(bench.database.partition(0));
    await checkpointAtEnd(bench);
    const files = await directoryFiles();
    const expected = await archiveAll(bench, files);
    const isDamaged = name.includes('damaged');
    if (isDamaged && older.pages.delete('s0')) older.pageCount -= 1;
    if (isDamaged || from === 'state') Object.assign(bench.database.partition(0), older);
    const at = older.position!.position;
    const positionMax = { checkpoint: isDamaged ? at : at - 1, log: 10, state: at }[from];
    const stream = openMemoryStream(bench.log);
    const archived = withArchive({ stream, files });
    const onPassedOver = (): void => undefined;
    const state = new MemoryStateStore(bench.database);
    const parts = { stream, archived, state, partition: 0, signal: NEVER, onPassedOver };
    const restored = await restoreTo(parts, positionMax);
    expect(restored).toMatchObject({ from, isArchived: true });
    expect(restored.position).toBeLessThanOrEqual(positionMax);
    const before = bench.log.partition(TOPIC_SERIES, 0).bounds.end;

    // Killed on the way, it goes on in the archive once more.
    const { start } = await stream.bounds(TOPIC_EVENTS, 0);
    const once = new CommitsOnce(bench.database);
    const killed = bench.start({ commitMs: 0 }, { archived, state: once });
    void killed.run();
    await until(() => expect(bench.committed()).toBeGreaterThan(restored.position));
    await killed.kill();
    expect(bench.committed()).toBeLessThan(start);
    await (await runTo(bench, bench.end(), { archived })).stop();

    const records = bench.log.partition(TOPIC_SERIES, 0).read(before, Infinity);
    const again = new Set(records.flatMap(({ payload }) => entryTexts(listEntries(payload))));
    const wanted = expected.filter((text) => offsetOf(text) >= restored.position);
    expect(wanted.length).toBeGreaterThan(20);
    expect([...again].slice(0, wanted.length)).toEqual(wanted);
  });

  it('stops where it was put back to, without the archive that leads on from there', async () => {
    const bench = await benchWithCheckpoint(18);
    await checkpointAtEnd(bench);
    const files = await directoryFiles();
    await archiveAll(bench, files);
    const stream = openMemoryStream(bench.log);
    const archived = withArchive({ stream, files });
    const state = new MemoryStateStore(bench.database);
    const parts = { stream, archived, state, partition: 0, signal: NEVER };
    await restoreTo({ ...parts, onPassedOver: () => undefined }, 10);
    const transformer = bench.start();
    const running = transformer.run();
    await until(() =>
      expect(transformer.status().partitions[0]).toMatchObject({
        ...{ state: 'stopped', reason: { code: 'TRANSFORMER_EXPIRED' } },
      }),
    );
    await transformer.stop();
    await running;
    expect(bench.committed()).toBe(0);
  });
});

/** Under an owner that moves on, without a change, just before each of the first commits. */
class OwnedMeanwhile extends MemoryStateStore {
  outran = 0;
  readonly #owner: MemoryStateStore;
  readonly #times: number;
  readonly #at: StatePosition;

  constructor(bench: StageBench, times: number) {
    super(bench.database);
    this.#at = bench.database.partition(0).position!;
    this.#owner = new MemoryStateStore(bench.database);
    this.#times = times;
  }

  override async commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    if (this.outran < this.#times) {
      this.outran += 1;
      const expected = await this.#owner.load(0);
      const { logId, position } = expected ?? this.#at;
      const next = { logId, position: position + 1 };
      await this.#owner.commit({ partition: 0, expected, next, pages: new Map() });
    }
    return await super.commit(commit);
  }
}

/** What an owner commits that dies behind its first commit. */
class CommitsOnce extends MemoryStateStore {
  #commits = 0;

  override async commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    if (this.#commits > 0) throw new MillraceError({ ...AWAY, code: 'STATE_AWAY' });
    this.#commits += 1;
    return await super.commit(commit);
  }
}

/** Of the event that a text of `entryTexts` came from. */
function offsetOf(text: string): number {
  return (decode(Buffer.from(text, 'base64')) as [number])[0];
}

const AWAY = { code: 'ARCHIVE_UNREACHABLE', kind: 'transient', message: 'It is away.' } as const;

it('makes checkpoints by itself, one at a time, of what is committed', async () => {
  const bench = new StageBench(2);
  for (const partition of [0, 1]) {
    for (const { record } of variedLog(14, { records: 40 })) bench.append(record, partition);
  }
  const checkpoint = { intervalMs: 10, keptCount: 3, keptBytesMax: 1e9, segmentBytes: 0 };
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
