import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatePosition } from '../state.ts';
import { describeStateStore } from '../testing/state-contract.ts';
import { encodeHeader, headerKey, pageChecksum, pageKey } from './lmdb-layout.ts';
import { openLmdbStateStore } from './lmdb-state-store.ts';

describeStateStore('LmdbStateStore', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  return {
    open: () => openLmdbStateStore({ directory }),
    losePosition: (partition) => damage(directory, (db) => db.remove(headerKey(partition))),
    losePage: (partition, key) => damage(directory, (db) => db.remove(pageKey(partition, key))),
    dispose: () => rm(directory, { recursive: true }),
  };
});

describe('LmdbStateStore', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const refusal = { code: 'STATE_CORRUPT', kind: 'permanent' };
  const commitOnce = async (): Promise<void> => {
    const store = openLmdbStateStore({ directory });
    const pages = new Map([
      ['a', new Uint8Array([1, 2, 3])],
      ['b', new Uint8Array([1, 2, 3])],
    ]);
    const next = { logId: 'aa', position: 1 };
    await store.commit({ partition: 0, expected: undefined, next, pages });
    await store.close();
  };
  const expectRefusal = async (): Promise<void> => {
    const store = openLmdbStateStore({ directory });
    await expect(store.load(0)).rejects.toMatchObject(refusal);
    await store.close();
  };

  it('takes a state of before there were ids of commits, and gives it one', async () => {
    await commitOnce();
    await damage(directory, (db) => {
      const version = db.getEntry(headerKey(0))?.version ?? 0;
      const header = encodeHeader({ logId: 'aa', position: 1, pageCount: 2 });
      return db.put(headerKey(0), header, version);
    });
    const store = openLmdbStateStore({ directory });
    const found = (await store.load(0))!;
    expect(found.commitId).toBeUndefined();
    const commit = { partition: 0, expected: found, next: { logId: 'aa', position: 1 } };
    const pages = new Map([['a', undefined]]);
    expect(await store.commit({ ...commit, pages })).toBe('committed');
    const { commitId } = (await store.load(0))!;
    expect(commitId).toEqual(expect.any(String));
    const other = { ...found, commitId: 'of another' };
    expect(await store.commit({ ...commit, expected: other, pages })).toBe('outrun');
    await store.close();
  });

  it('refuses a page whose bytes changed', async () => {
    await commitOnce();
    await damage(directory, (db) => {
      const version = db.getEntry(pageKey(0, 'a'))?.version ?? 0;
      return db.put(pageKey(0, 'a'), new Uint8Array([1, 2, 4]), version);
    });
    await expectRefusal();
  });

  it("refuses a page that lies under another page's key", async () => {
    await commitOnce();
    await damage(directory, (db) => {
      const entry = db.getEntry(pageKey(0, 'a'));
      return db.put(pageKey(0, 'b'), entry?.value ?? new Uint8Array(0), entry?.version ?? 0);
    });
    await expectRefusal();
  });

  it('refuses a position whose bytes changed', async () => {
    await commitOnce();
    await damage(directory, (db) => {
      const entry = db.getEntry(headerKey(0));
      const value = Buffer.from(entry?.value ?? []);
      value.writeUInt8(value.readUInt8(20) ^ 1, 20);
      return db.put(headerKey(0), value, entry?.version ?? 0);
    });
    await expectRefusal();
    const store = openLmdbStateStore({ directory });
    await expect(store.readPosition(0)).rejects.toMatchObject(refusal);
    await store.close();
  });

  it.each([
    ['other bytes', Buffer.alloc(65_536, 'no database')],
    ['zeros', Buffer.alloc(65_536)],
    ['very few bytes', Buffer.from('x')],
  ])('refuses a file of %s, and does not end the process', (_, bytes) => {
    writeFileSync(join(directory, 'data.mdb'), bytes);
    expect(() => openLmdbStateStore({ directory })).toThrow(expect.objectContaining(refusal));
  });

  it('refuses a file whose end is missing', async () => {
    const store = openLmdbStateStore({ directory });
    const pages = new Map(Array.from({ length: 400 }, (_, i) => [`${i}`, Buffer.alloc(9_000, i)]));
    const next = { logId: 'aa', position: 1 };
    await store.commit({ partition: 0, expected: undefined, next, pages });
    await store.close();
    const file = join(directory, 'data.mdb');
    truncateSync(file, statSync(file).size / 2);
    expect(() => openLmdbStateStore({ directory })).toThrow(expect.objectContaining(refusal));
  });

  it('takes an empty file for a new database', async () => {
    writeFileSync(join(directory, 'data.mdb'), '');
    await commitOnce();
    const store = openLmdbStateStore({ directory });
    expect((await store.readPosition(0))?.position).toBe(1);
    await store.close();
  });

  it('says so when it cannot make its directory', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const opening = (): unknown => openLmdbStateStore({ directory: join(file, 'state') });
    expect(opening).toThrow(/Opening the state in .*file.state failed/);
  });

  it('creates missing directories above its own', async () => {
    const deep = join(directory, 'a', 'b');
    const store = openLmdbStateStore({ directory: deep });
    expect(await store.load(0)).toBeUndefined();
    await store.close();
    rmSync(deep, { recursive: true });
    mkdirSync(deep);
  });

  it('finishes the commit under way before it closes', async () => {
    const store = openLmdbStateStore({ directory });
    const pages = new Map(Array.from({ length: 500 }, (_, i) => [`${i}`, Buffer.alloc(9_000, i)]));
    const next = { logId: 'aa', position: 1 };
    const committing = store.commit({ partition: 0, expected: undefined, next, pages });
    await store.close();
    expect(await committing).toBe('committed');
    const again = openLmdbStateStore({ directory });
    expect((await again.load(0))?.pages.size).toBe(500);
    await again.close();
  });

  it('goes on with a file of a single transaction', async () => {
    const pages = new Map(Array.from({ length: 3000 }, (_, i) => [`${i}`, Buffer.alloc(6000, i)]));
    await writeFirstCommit(directory, pages);
    const store = openLmdbStateStore({ directory });
    const [expected, next] = [1, 2].map((position) => ({ logId: 'aa', position }));
    const commit = { partition: 0, expected, next: next!, pages };
    expect(await store.commit(commit)).toBe('committed');
    expect((await store.load(0))?.pages.size).toBe(3000);
    await store.close();
  });

  it.runIf(existsSync('/proc/self/maps'))('maps its file once, however it grows', async () => {
    const store = openLmdbStateStore({ directory });
    let expected: StatePosition | undefined;
    for (let position = 1; position <= 8; position += 1) {
      const pages = new Map(
        Array.from({ length: 50 * position }, (_, i) => [`${i}`, Buffer.alloc(9_000, position)]),
      );
      const next = { logId: 'aa', position };
      await store.commit({ partition: 0, expected, next, pages });
      expect((await store.load(0))?.pages.size).toBe(pages.size);
      expected = next;
    }
    expect(mapsOf(directory)).toHaveLength(1);
    await store.close();
  });

  it.runIf(existsSync('/proc/self/maps'))('lets go of its file when much was written', async () => {
    const store = openLmdbStateStore({ directory });
    const pages = new Map(Array.from({ length: 3000 }, (_, i) => [`${i}`, Buffer.alloc(6000, i)]));
    let expected: StatePosition | undefined;
    for (let position = 1; position <= 4; position += 1) {
      const next = { logId: 'aa', position };
      expect(await store.commit({ partition: 0, expected, next, pages })).toBe('committed');
      await expect.poll(() => mapsOf(directory)).toHaveLength(0);
      // Whoever comes meanwhile finds it all the same; many at a time as well.
      const loaded = await Promise.all([store.load(0), store.readPosition(0), store.load(0)]);
      expect([loaded[0]?.pages.size, loaded[1]?.position]).toEqual([3000, position]);
      expect(loaded[2]?.pages.size).toBe(3000);
      expected = next;
    }
    // So it goes after very many small ones.
    expect(await store.readPosition(0)).toMatchObject({ position: 4 });
    expect(mapsOf(directory)).toHaveLength(1);
    for (let position = 5; position < 69; position += 1) {
      const next = { logId: 'aa', position };
      const few = new Map([['x', Buffer.alloc(10, position)]]);
      expect(await store.commit({ partition: 0, expected, next, pages: few })).toBe('committed');
      expected = next;
    }
    await expect.poll(() => mapsOf(directory)).toHaveLength(0);
    await store.close();
  });

  it.runIf(existsSync('/proc/self/maps'))('makes nothing where its files are gone', async () => {
    const state = join(directory, 'state');
    const store = openLmdbStateStore({ directory: state });
    const pages = new Map(Array.from({ length: 3000 }, (_, i) => [`${i}`, Buffer.alloc(6000, i)]));
    const next = { logId: 'aa', position: 1 };
    await store.commit({ partition: 0, expected: undefined, next, pages });
    await expect.poll(() => mapsOf(state)).toHaveLength(0);
    // As a disk that is not mounted any more.
    const away = join(directory, 'away');
    renameSync(state, away);
    const lost = { code: 'STATE_LOST', kind: 'permanent' };
    await expect(store.load(0)).rejects.toMatchObject(lost);
    await expect(store.readPosition(0)).rejects.toMatchObject(lost);
    const later = { partition: 0, expected: next, next: { logId: 'aa', position: 2 }, pages };
    await expect(store.commit(later)).rejects.toMatchObject(lost);
    // Nor does another one, as that of a thread which begins only now.
    const another = { directory: state, isInUse: true };
    expect(() => openLmdbStateStore(another)).toThrow(expect.objectContaining(lost));
    expect(existsSync(state)).toBe(false);
    renameSync(away, state);
    await openLmdbStateStore(another).close();
    expect(await store.commit(later)).toBe('committed');
    await store.close();
  });
});

/** The process' maps of the data file. */
function mapsOf(directory: string): string[] {
  const file = join(directory, 'data.mdb');
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return maps.filter((line) => line.endsWith(file));
}

/** A state as versions of before left it that committed once. */
async function writeFirstCommit(directory: string, pages: Pages): Promise<void> {
  await damage(directory, (db) =>
    db.ifNoExists(headerKey(0), () => {
      for (const [name, page] of pages) {
        const key = pageKey(0, name);
        void db.put(key, page, pageChecksum(key, page));
      }
      const header = encodeHeader({ logId: 'aa', position: 1, pageCount: pages.size });
      void db.put(headerKey(0), header, 1);
    }),
  );
}

type Pages = ReadonlyMap<string, Uint8Array>;

/** Changes the files behind the store's back. */
async function damage(
  directory: string,
  change: (database: RootDatabase<Uint8Array, Uint8Array>) => Promise<unknown>,
): Promise<void> {
  const database = open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    useVersions: true,
    overlappingSync: false,
  });
  await change(database);
  await database.close();
}
