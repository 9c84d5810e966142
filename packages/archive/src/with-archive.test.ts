import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createArchivedLog, LOG_ID, readAll, type ArchivedLog } from './testing/archived-log.ts';
import { withArchive } from './with-archive.ts';

describe('a log with its archive in front', () => {
  let scene: ArchivedLog;
  beforeEach(async () => {
    scene = await createArchivedLog();
  });
  afterEach(() => scene.close());
  const folder = (): string => join(scene.directory, `metrics.events/00000/${LOG_ID}`);
  const archive = (): Promise<number> => scene.archive();

  it('gives every record as the log did, bit for bit, from wherever one begins', async () => {
    scene.append(150);
    const all = await readAll(scene.stream, 0);
    const position = await archive();
    expect(position).toBeGreaterThan(100);
    expect(scene.archived.length).toBeGreaterThan(10);
    await scene.forget(position - 1);
    expect((await scene.stream.bounds(TOPIC_EVENTS, 0)).start).toBe(position - 1);

    const stream = withArchive(scene);
    expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 151 });
    for (const from of [0, 1, 100, position - 2, position - 1, position, 150]) {
      expect(await readAll(stream, from)).toEqual(all.slice(from));
    }
    expect(await readAll(stream, 0, TOPIC_EVENTS, 1)).toEqual(all);
    expect(await readAll(stream, 0, TOPIC_EVENTS, 1e6)).toEqual(all);
  });

  it('goes on reading when the log forgets, and the archive grows, meanwhile', async () => {
    scene.append(100);
    await scene.forget((await archive()) - 1);
    const stream = withArchive(scene);
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    let next = 0;
    for (let round = 0; next < 250; round += 1) {
      for (const { offset } of await reader.next({ bytesMax: 500, waitMs: 0 })) {
        expect(offset).toBe(next);
        next += 1;
      }
      if (round % 7 === 3) {
        scene.append(20);
        await scene.forget((await archive()) - 1);
      }
    }
    await reader.close();
  });

  it('is the log alone when it holds its beginning, or the archive is of another log', async () => {
    scene.append(100);
    const position = await archive();
    const why: string[] = [];
    const stream = withArchive({ ...scene, onUnusable: (_, text) => why.push(text) });
    await rename(scene.directory, `${scene.directory}-away`);
    expect(await readAll(stream, 0)).toHaveLength(101);
    expect(why).toEqual([]);

    await rename(`${scene.directory}-away`, scene.directory);
    const other = await createArchivedLog('ff'.repeat(16));
    other.append(110);
    await other.archive();
    const mixed = withArchive({
      stream: scene.stream,
      files: other.files,
      onUnusable: (_, text) => why.push(text),
    });
    await scene.forget(position - 1);
    expect((await mixed.bounds(TOPIC_EVENTS, 0)).start).toBe(position - 1);
    expect(why).toEqual([expect.stringMatching(/log ffff.*its record \d+ is another one/)]);
    await expect(readAll(mixed, 0)).rejects.toMatchObject({ code: 'STREAM_OUT_OF_RANGE' });
    await other.close();
  });

  it.each(['all', 'some'])('finds what was put back, of which %s was gone', async (which) => {
    scene.append(150);
    const position = await archive();
    await scene.forget(position - 1);
    const away = `${scene.directory}-away`;
    await mkdir(away);
    const names = (await readdir(folder())).toSorted();
    // The last ones lead into the log.
    const gone = which === 'all' ? names : names.slice(0, Math.floor(names.length / 2));
    for (const name of gone) await rename(join(folder(), name), join(away, name));
    const told: string[] = [];
    const onUnusable = (_: number, why: string): unknown => told.push(why);
    const patient = withArchive({ ...scene, onUnusable });
    const stream = withArchive({ ...scene, lookAgainMs: 0 });
    const startOf = async (one: Stream): Promise<number> =>
      (await one.bounds(TOPIC_EVENTS, 0)).start;
    for (let i = 0; i < 3; i += 1) {
      expect(await startOf(patient)).toBeGreaterThan(0);
      expect(await startOf(stream)).toBeGreaterThan(0);
    }
    expect(told).toHaveLength(which === 'all' ? 1 : 0);

    for (const name of gone) await rename(join(away, name), join(folder(), name));
    await rm(away, { recursive: true });
    expect(await startOf(stream)).toBe(0);
    expect(await readAll(stream, 0)).toHaveLength(151);
  });

  it.each(['flipped', 'cut off', 'missing', 'another one'])(
    'refuses a file that is %s, says which, and nothing of it was used',
    async (how) => {
      scene.append(150);
      await scene.forget((await archive()) - 1);
      const names = (await readdir(folder())).filter((name) => name.endsWith('.parquet'));
      const name = names.toSorted()[3]!;
      const path = join(folder(), name);
      const bytes = await readFile(path);
      if (how === 'flipped') await writeFile(path, bytes.fill(bytes[100]! ^ 1, 100, 101));
      if (how === 'cut off') await writeFile(path, bytes.subarray(0, -10));
      if (how === 'missing') await rm(path);
      if (how === 'another one') await writeFile(path, await readFile(join(folder(), names[2]!)));
      const refused = expect.objectContaining({
        ...{ code: 'ARCHIVE_DAMAGED', kind: 'permanent' },
        message: expect.stringContaining(name) as string,
      }) as unknown;
      const stream = withArchive(scene);
      await expect(readAll(stream, 0)).rejects.toEqual(refused);
      const damaged = scene.archived[3]!;
      expect(await readAll(stream, damaged.to)).toHaveLength(151 - damaged.to);
      // It is looked at anew, for somebody may have put it back.
      await writeFile(path, bytes.fill(bytes[100]! ^ (how === 'flipped' ? 1 : 0), 100, 101));
      expect(await readAll(stream, 0)).toHaveLength(151);
    },
  );

  it('refuses a range that does not follow the one before, as often as it is asked', async () => {
    scene.append(150);
    await scene.forget((await archive()) - 1);
    const manifests = (await readdir(folder())).filter((name) => name.endsWith('.json'));
    const path = join(folder(), manifests.toSorted()[3]!);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/("previousSha256": ")[^"]+/, `$1${'0'.repeat(64)}`));
    const reader = withArchive(scene).reader(TOPIC_EVENTS, 0, 0);
    let next = 0;
    const readOn = async (): Promise<void> => {
      for (;;) next = (await reader.next({ bytesMax: 500, waitMs: 0 })).at(-1)!.offset + 1;
    };
    for (const _ of [1, 2, 3]) {
      await expect(readOn()).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
      expect(next).toBe(scene.archived[3]!.from);
    }
    await reader.close();
  });

  it('does not count a range whose manifest is not there, and archives it again', async () => {
    scene.append(150);
    const position = await archive();
    const last = scene.archived.at(-1)!;
    const manifests = (await readdir(folder())).filter((name) => name.endsWith('.json'));
    await rm(join(folder(), manifests.toSorted().at(-1)!));
    await scene.forget(last.from - 1);
    expect(await readAll(withArchive(scene), 0)).toHaveLength(151);
    // Archived again, it is the same to the byte.
    expect(await archive()).toBe(position);
    expect(scene.archived.at(-1)).toEqual(last);
  });
});
