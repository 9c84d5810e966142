import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MillraceError } from '@millrace/runtime';
import { TOPIC_CONTROL, TOPIC_EVENTS } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveAccess } from './archive-access.ts';
import { ArchiveWatch } from './archive-watch.ts';
import { archivedToOf } from './archived-ends.ts';
import { Archiver } from './archiver.ts';
import type { ArchiveBinding } from './binding/archive-binding.ts';
import { createControlBinding } from './binding/control-binding.ts';
import { createFileBinding } from './binding/file-binding.ts';
import { openArchive, type OpenedArchive } from './binding/open-archive.ts';
import { openWithArchive } from './open-with-archive.ts';
import {
  createArchivedLog,
  LOG_ID,
  readAll,
  SMALL_RANGES,
  type ArchivedLog,
} from './testing/archived-log.ts';

const notThere = { code: 'ARCHIVE_NOT_THERE', kind: 'transient' };
const other = { code: 'ARCHIVE_OTHER', kind: 'transient' };
const unset = { code: 'ARCHIVE_UNSET', kind: 'transient' };

describe.each(['file', 'control'] as const)('a log that is bound by a %s', (kind) => {
  let scene: ArchivedLog;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-bound-'));
    scene = await createArchivedLog();
    const log = { kind: ControlRecordKind.log, logId: LOG_ID, partitions: 1, firstNumber: 0 };
    scene.log.partition(TOPIC_CONTROL, 0).append(encodeControlRecord(log));
    scene.append(60);
  });
  afterEach(async () => {
    await scene.close();
    await rm(folder, { recursive: true });
  });

  /** As another process sees it: what is known of it lies beside the log. */
  const binding = (): ArchiveBinding => {
    const { stream, clock } = scene;
    return kind === 'file'
      ? createFileBinding({ stream, logDirectory: folder })
      : createControlBinding({ stream, clock });
  };
  const accessTo = (directory: string | undefined): ArchiveAccess => ({
    ...{ url: directory && `file://${directory}`, region: 'none' },
    ...{ accessKeyId: undefined, secretAccessKey: undefined, sessionToken: undefined },
  });
  const open = (directory: string | undefined): Promise<OpenedArchive> =>
    openArchive(accessTo(directory), binding());
  const archiveTo = async (archive: OpenedArchive): Promise<number> => {
    const { stream, clock } = scene;
    const parts = { stream, clock, files: archive.files, onArchived: () => undefined };
    return (await new Archiver(parts, SMALL_RANGES).archive(0, LOG_ID)).position;
  };
  const archivedTo = async (archive: OpenedArchive): Promise<number> =>
    await archivedToOf({ ...scene, archive })(0, LOG_ID);

  it('forgets what is in the archive, and nothing when a process is told of none', async () => {
    const none = await open(undefined);
    expect(await archivedTo(none)).toBe(Infinity);
    const archive = await open(scene.directory);
    await archive.claim();
    await expect(archivedTo(none)).rejects.toMatchObject(unset);
    const position = await archiveTo(archive);
    expect(position).toBeGreaterThan(20);
    expect(await archivedTo(await open(scene.directory))).toBe(position);
    await expect(archivedTo(await open(undefined))).rejects.toMatchObject(unset);
    await binding().forget();
    expect(await archivedTo(none)).toBe(Infinity);
  });

  it('takes an empty mount point for no archive', async () => {
    const archive = await open(scene.directory);
    const position = await archiveTo(archive);
    const away = `${scene.directory}-away`;
    await rename(scene.directory, away);
    await mkdir(scene.directory);
    for (const opened of [archive, await open(scene.directory)]) {
      await expect(opened.claim()).rejects.toMatchObject(notThere);
      await expect(archiveTo(opened)).rejects.toMatchObject(notThere);
      await expect(archivedTo(opened)).rejects.toMatchObject(notThere);
    }
    expect(await readdir(scene.directory)).toEqual([]);
    await rm(scene.directory, { recursive: true });
    await rename(away, scene.directory);
    await archive.claim();
    expect(await archivedTo(await open(scene.directory))).toBe(position);
  });

  it('knows an archive that has no name from an empty mount point', async () => {
    const archive = await open(scene.directory);
    // A release of before archives; at the first start of this one the disk is away.
    const position = await scene.archive();
    const away = `${scene.directory}-away`;
    await rename(scene.directory, away);
    await archive.claim();
    await rm(scene.directory, { recursive: true });
    await mkdir(scene.directory);
    const check = async (): Promise<string> =>
      await archive.check().then(
        () => 'it is bound to it',
        (error: MillraceError) => `${error.code} ${error.message} ${error.remedy}`,
      );
    expect(await check()).toMatch(/^ARCHIVE_NOT_THERE .*Mount its disk/);
    await rm(scene.directory, { recursive: true });
    await rename(away, scene.directory);
    const told = await check();
    expect(told).toMatch(/^ARCHIVE_NOT_THERE .*ranges, but no name.*archive forget/);
    expect(told).not.toContain('Mount');
    await binding().forget();
    await (await open(scene.directory)).claim();
    expect(await check()).toBe('it is bound to it');
    expect(await archivedTo(archive)).toBe(position);
  });

  it('lets whoever reads the past wait for the archive, and go on when it is back', async () => {
    const all = await readAll(scene.stream, 0);
    const position = await archiveTo(await open(scene.directory));
    await scene.forget(position - 1);
    const away = `${scene.directory}-away`;
    await rename(scene.directory, away);
    await mkdir(scene.directory);
    const parts = { stream: scene.stream, binding: binding() };
    const whole = await openWithArchive(parts, accessTo(scene.directory));
    await expect(whole.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject(notThere);
    await expect(readAll(whole, 0)).rejects.toMatchObject(notThere);
    const awaited = await openWithArchive(parts, accessTo(undefined));
    await expect(awaited.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject(unset);
    await rm(scene.directory, { recursive: true });
    await rename(away, scene.directory);
    expect(await readAll(whole, 0)).toEqual(all);
    // It goes away while it is read from.
    await rename(scene.directory, away);
    await mkdir(scene.directory);
    await expect(readAll(whole, 10)).rejects.toMatchObject(notThere);
    await rm(scene.directory, { recursive: true });
    await rename(away, scene.directory);
    await binding().forget();
    expect((await awaited.bounds(TOPIC_EVENTS, 0)).start).toBe(position - 1);
  });

  it('knows another archive, also the one that was forgotten', async () => {
    const first = join(folder, 'first');
    await (await open(first)).claim();
    const { archiveId } = (await binding().read())!;
    await binding().forget();
    const second = await open(join(folder, 'second'));
    await second.claim();
    expect((await binding().read())!.archiveId).not.toBe(archiveId);
    for (const call of [archivedTo, archiveTo, async (one: OpenedArchive) => await one.check()]) {
      await expect(call(await open(first))).rejects.toMatchObject(other);
      await call(second);
    }
    await binding().forget();
    await (await open(first)).claim();
    expect((await binding().read())!.archiveId).toBe(archiveId);
  });

  it('is bound once by several who begin at once, and by one that goes on', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => open(scene.directory)));
    await Promise.all(opened.map((one) => one.claim()));
    const { archiveId } = (await binding().read())!;
    for (const one of opened) await one.check();
    await binding().forget();
    // As of one that ended when the archive had its name, and the log was not bound yet.
    await (await open(scene.directory)).claim();
    expect((await binding().read())!.archiveId).toBe(archiveId);
  });

  it('is bound to one of two disks that hosts begin with at once', async () => {
    const opened = await Promise.all(['one', 'other'].map((name) => open(join(folder, name))));
    const claims = await Promise.allSettled(opened.map((archive) => archive.claim()));
    expect(claims.some(({ status }) => status === 'fulfilled')).toBe(true);
    const checks = await Promise.allSettled(opened.map((archive) => archive.check()));
    const refusals = checks.filter((check) => check.status === 'rejected');
    expect(refusals).toMatchObject([{ reason: other }]);
  });

  it('tells a person before the log is full', async () => {
    await (await open(scene.directory)).claim();
    let looks = 0;
    const over = new AbortController();
    const clock = {
      nowUs: () => 0,
      sleep: async (_ms: number, signal?: AbortSignal) => {
        looks += 1;
        if (looks === 1) await binding().forget();
        if (looks === 2) over.abort();
        signal?.throwIfAborted();
      },
    };
    const told: unknown[] = [];
    const archive = await open(undefined);
    const watch = new ArchiveWatch({
      archive: {
        check: async (signal) => {
          told.push(watch.statuses([0, 1]));
          await archive.check(signal);
        },
      },
      clock,
    });
    const running = watch.run();
    await new Promise((resolve) => over.signal.addEventListener('abort', resolve));
    told.push(watch.statuses([0, 1]));
    await watch.stop();
    await running;
    expect(told[0]).toBeUndefined();
    expect(told[1]).toMatchObject([
      { partition: 0, reason: { code: unset.code } },
      { partition: 1 },
    ]);
    expect(told.at(-1)).toBeUndefined();
  });
});
