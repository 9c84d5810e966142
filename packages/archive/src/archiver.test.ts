import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TOPIC_EVENTS } from '@millrace/stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ArchiveFiles } from './archive-files.ts';
import { Archiver } from './archiver.ts';
import { archiveUnreachable } from './archive-errors.ts';
import { createArchivedTo } from './archived-ends.ts';
import {
  createArchivedLog,
  LOG_ID,
  readAll,
  SMALL_RANGES,
  START_US,
  type ArchivedLog,
} from './testing/archived-log.ts';
import { RecordsWriter } from './parquet/write-records.ts';
import { verifyArchive } from './verify-archive.ts';
import { withArchive } from './with-archive.ts';

const clock = { nowUs: () => START_US, sleep: async () => undefined };

describe('archiving', () => {
  let scene: ArchivedLog;
  beforeEach(async () => {
    scene = await createArchivedLog();
  });
  afterEach(() => scene.close());
  const contents = async (directory: string): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      found.set(path.slice(directory.length), (await readFile(path)).toString('hex'));
    }
    return found;
  };

  it('cuts by what lies in the log, whoever does it and when', async () => {
    const other = await createArchivedLog();
    for (let i = 0; i < 12; i += 1) {
      scene.append(10);
      await scene.archive();
      other.append(10);
    }
    await other.archive();
    const [mine, theirs] = [await contents(scene.directory), await contents(other.directory)];
    expect(mine.size).toBeGreaterThan(10);
    expect(theirs).toEqual(mine);
    await other.close();
  });

  it('closes a range by its bytes or by its time, and leaves the rest', async () => {
    scene.append(100);
    await scene.archive({ rangeBytesMax: 1000, rangeMsMax: 1e9 });
    expect(scene.archived.every(({ payloadBytes }) => payloadBytes <= 1000)).toBe(true);
    const again = await createArchivedLog();
    again.append(100);
    const position = await again.archive({ rangeBytesMax: 1e9, rangeMsMax: 30_000 });
    expect(again.archived.map(({ from, to }) => [from, to])).toEqual([
      [0, 30],
      [30, 60],
      [60, 90],
    ]);
    expect(position).toBe(90);
    await again.close();
  });

  it('archives up to the end when asked, and goes on from there', async () => {
    scene.append(20);
    const archiver = scene.archiver({ rangeBytesMax: 1e9 });
    expect(await archiver.archive(0, LOG_ID)).toMatchObject({ position: 0 });
    expect(await archiver.archive(0, LOG_ID, { isAll: true })).toMatchObject({ position: 21 });
    scene.append(9);
    expect(await archiver.archive(0, LOG_ID, { isAll: true })).toMatchObject({ position: 30 });
    expect(scene.archived.map(({ from, to }) => [from, to])).toEqual([
      [0, 21],
      [21, 30],
    ]);
  });

  it('puts samples beside the records when asked, and checks them as well', async () => {
    scene.append(60);
    await scene.archive({ samplesTable: true });
    const files = [...(await contents(scene.directory)).keys()];
    const tables = files.filter((name) => name.endsWith('.samples.parquet'));
    expect(tables).toHaveLength(scene.archived.length);
    expect(await verifyArchive(scene)).toMatchObject({ faults: [], unnamedFiles: 0 });
    await rm(join(scene.directory, tables[1]!));
    const { faults } = await verifyArchive(scene);
    expect(faults).toMatchObject([{ kind: 'damaged', from: scene.archived[1]!.from }]);
  });

  it.each([
    ['holds a byte that is not as it was', (bytes: Uint8Array) => void (bytes[70]! ^= 1)],
    ['is cut off', (bytes: Uint8Array) => bytes.subarray(0, -20)],
  ])('what %s before it is written is not archived, and tried again', async (_, damage) => {
    const { finish } = RecordsWriter.prototype;
    const finishing = vi.spyOn(RecordsWriter.prototype, 'finish');
    finishing.mockImplementationOnce(async function (this: RecordsWriter) {
      const bytes = await finish.call(this);
      return damage(bytes) ?? bytes;
    });
    scene.append(60);
    await expect(scene.archive()).rejects.toMatchObject({ code: 'ARCHIVE_MISREAD' });
    finishing.mockRestore();
    expect((await contents(scene.directory)).size).toBe(0);
    await scene.archive();
    expect(await verifyArchive(scene)).toMatchObject({ faults: [], unnamedFiles: 0 });
  });

  it('stopped while it reads back what it made, it finds no fault with that', async () => {
    const stopping = new AbortController();
    const { finish } = RecordsWriter.prototype;
    const finishing = vi.spyOn(RecordsWriter.prototype, 'finish');
    finishing.mockImplementationOnce(async function (this: RecordsWriter) {
      const bytes = await finish.call(this);
      stopping.abort(new Error('stopped'));
      return bytes;
    });
    scene.append(60);
    const archiving = scene.archiver().archive(0, LOG_ID, { signal: stopping.signal });
    await expect(archiving).rejects.toThrow('stopped');
    finishing.mockRestore();
    expect((await contents(scene.directory)).size).toBe(0);
  });

  it('of two with other settings none harms the other', async () => {
    scene.append(150);
    await scene.archive({ rangeBytesMax: 1500 });
    const position = await scene.archive({ rangeBytesMax: 4000 });
    await scene.archive({ rangeBytesMax: 700 });
    expect(await verifyArchive(scene)).toMatchObject({ faults: [], unnamedFiles: 0 });
    const all = await readAll(scene.stream, 0);
    await scene.forget(position - 1);
    expect(await readAll(withArchive(scene), 0)).toEqual(all);
  });

  it.each([1, 2, 3, 4, 7])(
    'killed at its call %i, it leaves nothing that does harm',
    async (at) => {
      scene.append(60);
      let calls = 0;
      const failing: ArchiveFiles = {
        ...scene.files,
        put: async (name, bytes) => {
          calls += 1;
          if (calls === at) throw archiveUnreachable('here', 'the cable is cut');
          await scene.files.put(name, bytes);
        },
      };
      const parts = { stream: scene.stream, files: failing, clock, onArchived: () => undefined };
      const archiver = new Archiver(parts, SMALL_RANGES);
      await expect(archiver.archive(0, LOG_ID)).rejects.toMatchObject({ kind: 'transient' });
      const archivedTo = await createArchivedTo({ ...scene, clock })(0, LOG_ID);
      expect(archivedTo).toBe(scene.archived.at(-1)?.to ?? (await firstEnds(at)));
      const position = await scene.archive();
      expect(await verifyArchive(scene)).toMatchObject({ faults: [], unnamedFiles: 0 });
      const all = await readAll(scene.stream, 0);
      await scene.forget(position - 1);
      expect(await readAll(withArchive(scene), 0)).toEqual(all);
    },
  );
  /** Each range takes two calls. */
  const firstEnds = async (failedCall: number): Promise<number> => {
    const other = await createArchivedLog();
    other.append(60);
    await other.archive();
    await other.close();
    return other.archived[Math.ceil(failedCall / 2) - 2]?.to ?? 0;
  };

  it('refuses a log that is another one than that of the ranges there are', async () => {
    scene.append(60);
    await scene.archive();
    const before = await contents(scene.directory);
    const other = await createArchivedLog('ff'.repeat(16));
    other.append(200);
    const parts = { stream: other.stream, files: scene.files, clock, onArchived: () => undefined };
    const refused = { code: 'ARCHIVE_OTHER_LOG', kind: 'permanent' };
    const mixed = new Archiver(parts, SMALL_RANGES);
    await expect(mixed.archive(0, LOG_ID)).rejects.toMatchObject(refused);
    await expect(mixed.archive(0, 'ee'.repeat(16))).rejects.toMatchObject(refused);
    expect(await contents(scene.directory)).toEqual(before);
    await mixed.archive(0, 'ff'.repeat(16));
    expect(await verifyArchive(scene)).toMatchObject({ faults: [] });
    await other.close();
  });

  it('holds up nobody who lets the log forget, however long a list takes', async () => {
    scene.append(60);
    const position = await scene.archive();
    let listed = 0;
    const files: ArchiveFiles = {
      ...scene.files,
      // Each call gives three, and then no answer until it is given up.
      list: async function* (params) {
        let left = 3;
        for await (const file of scene.files.list(params)) {
          if (left === 0)
            await new Promise((resolve) => params.signal!.addEventListener('abort', resolve));
          params.signal!.throwIfAborted();
          left -= 1;
          listed += 1;
          yield file;
        }
      },
    };
    const archivedTo = createArchivedTo({ ...scene, files, clock, askMsMax: 50 });
    const unreachable = { code: 'ARCHIVE_UNREACHABLE', kind: 'transient' };
    await expect(archivedTo(0, LOG_ID)).rejects.toMatchObject(unreachable);
    let asked = 1;
    for (let to = 0; to !== position; asked += 1) {
      to = await Promise.resolve(archivedTo(0, LOG_ID)).catch(() => 0);
      expect(asked).toBeLessThan(30);
    }
    // What was listed is not listed again, but for files beside the newest manifest.
    expect(listed).toBeLessThanOrEqual(3 * scene.archived.length);
  });

  it('lets a log that was put back from a copy forget nothing of what it got since', async () => {
    scene.append(60);
    const position = await scene.archive();
    // It has the same id; from some record on the two have other ones.
    const copy = await createArchivedLog();
    const parts = { stream: copy.stream, files: scene.files, clock };
    const refused = { code: 'ARCHIVE_OTHER_LOG', kind: 'permanent' };
    const refuses = async (): Promise<void> => {
      await expect(createArchivedTo(parts)(0, LOG_ID)).rejects.toMatchObject(refused);
      const archiver = new Archiver({ ...parts, onArchived: () => undefined }, SMALL_RANGES);
      await expect(archiver.archive(0, LOG_ID)).rejects.toMatchObject(refused);
    };
    copy.append(position - 11);
    await refuses();
    for (let i = 0; i < 200; i += 1) {
      copy.log.partition(TOPIC_EVENTS, 0).append(new Uint8Array(200).fill(255));
    }
    await refuses();
    await copy.close();
  });

  it('begins anew behind what was forgotten while it was off, and the gap is told', async () => {
    scene.append(60);
    const position = await scene.archive();
    scene.append(100);
    await scene.forget(120);
    expect(await createArchivedTo({ ...scene, clock })(0, LOG_ID)).toBe(0);
    const gaps: unknown[] = [];
    const onGap = (partition: number, gap: unknown): void => void gaps.push({ partition, gap });
    const parts = { ...scene, clock, onArchived: () => undefined, onGap };
    await new Archiver(parts, SMALL_RANGES).archive(0, LOG_ID);
    expect(gaps).toEqual([{ partition: 0, gap: { from: position, to: 120 } }]);
    // Once it goes on behind it, that was told.
    await new Archiver(parts, SMALL_RANGES).archive(0, LOG_ID);
    expect(gaps).toHaveLength(1);
    await scene.archive();
    const { faults } = await verifyArchive(scene);
    expect(faults).toMatchObject([{ kind: 'gap', from: position, to: 120 }]);
    const { start } = await withArchive(scene).bounds(TOPIC_EVENTS, 0);
    expect(start).toBe(120);
  });
});
