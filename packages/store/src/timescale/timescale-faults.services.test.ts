import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@millrace/runtime';
import { isMissing, reportMissing, startTcpProxy } from '@millrace/runtime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PostgresStore, PostgresStoreSettings } from '../postgres/postgres-store.ts';
import {
  batchAt,
  describeCrashes,
  expectWhole,
  markOffset,
} from '../postgres/testing/describe-crashes.ts';
import { addressOf, keyOf } from '../testing/entries.ts';
import type { TestDatabase, TestServer } from '../testing/test-server.ts';
import { startTestTimescale } from './testing/test-timescale.ts';
import { startTimescaleServer, type TimescaleServer } from './testing/timescale-server.ts';
import { createTimescaleStore } from './timescale-store.ts';

// Not the one that is shared: this one is killed, stopped and cut off.
const started = await startTimescaleServer({ own: true });
if (isMissing(started)) reportMissing(started);

const UNREACHABLE = { code: 'STORE_UNREACHABLE', kind: 'transient' };
const APPLIED = { outcome: 'applied' };

describe.skipIf(isMissing(started))('a TimescaleDB store when the server misbehaves', () => {
  const server = started as TimescaleServer;
  let databases: TestServer;
  let database: TestDatabase;
  let stores: PostgresStore[];

  beforeAll(async () => {
    databases = await startTestTimescale(server.url);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    database = await databases.createDatabase();
    stores = [];
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database.drop();
  });

  const open = (settings: Partial<PostgresStoreSettings> = {}, port?: number): PostgresStore => {
    const url = new URL((database.connection as { url: string }).url);
    if (port !== undefined) url.port = `${port}`;
    const store = createTimescaleStore({ connection: { url: url.href }, log: silentLog, settings });
    stores.push(store);
    return store;
  };
  /** A store behind a proxy, with two batches applied through it for good. */
  const openThroughProxy = async () => {
    const proxy = await startTcpProxy({ port: Number(new URL(server.url).port) });
    const store = open({}, proxy.port);
    await store.openMark(keyOf());
    for (const offset of [0, 1]) expect(await store.apply(batchAt(offset))).toMatchObject(APPLIED);
    // So that a crash of the server cannot take them back.
    await store.flushedMarks();
    return { proxy, store };
  };

  describe('connections cut', () => {
    it('in the middle of COPY: nothing is there, and the batch can be repeated', async () => {
      const { proxy, store } = await openThroughProxy();
      proxy.cutAfterRequestBytes(10_000);
      await expect(store.apply(batchAt(2))).rejects.toMatchObject(UNREACHABLE);
      expect(await markOffset(store)).toBe(2);
      await expectWhole(database.connection, 2);
      expect(await store.apply(batchAt(2))).toMatchObject(APPLIED);
      await expectWhole(database.connection, 3);
      await proxy.close();
    });

    it('before COMMIT: likewise', async () => {
      const { proxy, store } = await openThroughProxy();
      proxy.atRequest('COMMIT', 'cut');
      await expect(store.apply(batchAt(2))).rejects.toMatchObject(UNREACHABLE);
      expect(await markOffset(store)).toBe(2);
      expect(await store.apply(batchAt(2))).toMatchObject(APPLIED);
      await expectWhole(database.connection, 3);
      await proxy.close();
    });

    it('before the answer to COMMIT: the batch is there, and then outrun', async () => {
      const { proxy, store } = await openThroughProxy();
      proxy.atRequest('COMMIT', 'cutAtAnswer');
      await expect(store.apply(batchAt(2))).rejects.toMatchObject(UNREACHABLE);
      expect(await markOffset(store)).toBe(3);
      expect(await store.apply(batchAt(2))).toMatchObject({ outcome: 'outrun' });
      await expectWhole(database.connection, 3);
      await proxy.close();
    });
  });

  describe('killed', () => {
    const kill = () => process.kill(server.pid!, 'SIGKILL');

    it.each([
      ['the beginning of COPY', 'PGCOPY\n\xff'],
      ['COMMIT', 'COMMIT'],
    ])('at %s: the batch is there as a whole or not at all', async (_, text) => {
      const { proxy, store } = await openThroughProxy();
      proxy.atRequest(text, kill);
      // The answer to a COMMIT may come before the end does.
      const outcome = await store.apply(batchAt(2)).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject(UNREACHABLE);
      await server.restart();
      const mark = await markOffset(store);
      expect([2, 3]).toContain(mark);
      await expectWhole(database.connection, mark);
      if (mark === 2) expect(await store.apply(batchAt(2))).toMatchObject(APPLIED);
      await expectWhole(database.connection, 3);
      await proxy.close();
    });

    it('after marks were flushed: they are still there', async () => {
      const store = open();
      await store.openMark(keyOf());
      for (let offset = 0; offset < 3; offset += 1) {
        await store.apply(batchAt(offset));
        const flushed = (await store.flushedMarks()).get(0)!.mark;
        expect(flushed).toEqual(addressOf(offset + 1));
        kill();
        await server.restart();
        expect(await markOffset(store)).toBe(offset + 1);
        await expectWhole(database.connection, offset + 1);
      }
    });
  });

  describe('away', () => {
    it('at the start and for a while: the store says so, and works when it is back', async () => {
      const before = open();
      await before.openMark(keyOf());
      await before.flushedMarks();
      await server.kill();
      const store = open();
      for (let i = 0; i < 3; i += 1) {
        await expect(store.apply(batchAt(0))).rejects.toMatchObject(UNREACHABLE);
        await expect(before.marks(0)).rejects.toMatchObject(UNREACHABLE);
      }
      await server.restart();
      expect(await store.apply(batchAt(0))).toMatchObject(APPLIED);
      // One that was idle meanwhile has lost its connections without noticing.
      expect(await before.apply(batchAt(1))).toMatchObject(APPLIED);
      await expectWhole(database.connection, 2);
    });

    it('without TimescaleDB: nothing is put beside the chunks', async () => {
      const store = open();
      await store.openMark(keyOf());
      await store.apply(batchAt(0));
      await store.flushedMarks();
      await server.restart({ settings: { shared_preload_libraries: '' } });
      try {
        const schema = { code: 'STORE_SCHEMA', kind: 'transient' };
        // One that knew it with TimescaleDB looks again; another one looks for the first time.
        await expect(store.apply(batchAt(1))).rejects.toMatchObject(schema);
        for (const one of [store, open()]) {
          await expect(one.apply(batchAt(1))).rejects.toMatchObject({
            ...schema,
            message: expect.stringContaining('does not load TimescaleDB'),
            remedy: expect.stringContaining('shared_preload_libraries'),
          });
        }
      } finally {
        await server.restart();
      }
      expect(await store.apply(batchAt(1))).toMatchObject(APPLIED);
      await expectWhole(database.connection, 2);
    });

    it('silent: calls end by themselves', async () => {
      const store = open({ connectTimeoutMs: 300 });
      process.kill(server.pid!, 'SIGSTOP');
      try {
        await expect(store.marks(0)).rejects.toMatchObject(UNREACHABLE);
      } finally {
        process.kill(server.pid!, 'SIGCONT');
      }
      await store.openMark(keyOf());
      expect(await store.apply(batchAt(0))).toMatchObject(APPLIED);
    });
  });

  describe('several writers', () => {
    it('race on the same mark: of each range exactly one applies it', async () => {
      const writers = [open(), open(), open()];
      await writers[0]!.openMark(keyOf());
      let applied = 0;
      const write = async (store: PostgresStore) => {
        for (;;) {
          const mark = await markOffset(store);
          if (mark === 12) return;
          const { outcome } = await store.apply(batchAt(mark));
          if (outcome === 'applied') applied += 1;
        }
      };
      await Promise.all(writers.map(write));
      expect(applied).toBe(12);
      await expectWhole(database.connection, 12);
    });

    it('apply different partitions at the same time, into chunks that they all need', async () => {
      const partitions = [0, 1, 2, 3, 4, 5];
      const writers = [open(), open()];
      const results = await Promise.all(
        partitions.map(async (partition) => {
          const store = writers[partition % 2]!;
          await store.openMark(keyOf({ partition }));
          const batch = batchAt(0);
          return store.apply({ ...batch, key: keyOf({ partition }) });
        }),
      );
      expect(results).toEqual(partitions.map(() => expect.objectContaining(APPLIED)));
    });
  });

  it('waits for a disk that is full, and goes on when there is room', async () => {
    const place = await smallDisk(160);
    if (place === undefined) return;
    const full = await startTimescaleServer({
      own: true,
      directory: place.directory,
      settings: { max_wal_size: '32MB', min_wal_size: '32MB' },
    });
    if (isMissing(full)) throw new Error(full.why);
    try {
      const many = await startTestTimescale(full.url);
      const { connection } = await many.createDatabase();
      const store = createTimescaleStore({ connection, log: silentLog });
      await store.openMark(keyOf());
      await store.apply(batchAt(0));
      const ballast = join(place.directory, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M']);
      const writing = async () => {
        for (;;) await store.apply(batchAt(await markOffset(store)));
      };
      await expect(writing()).rejects.toMatchObject({
        code: expect.stringMatching(/^STORE_(BUSY|UNREACHABLE)$/),
        kind: 'transient',
      });
      await rm(ballast);
      // It may have gone down: its log has to be written, too.
      await full.restart();
      const mark = await markOffset(store);
      await expectWhole(connection, mark);
      expect(await store.apply(batchAt(mark))).toMatchObject(APPLIED);
      await expectWhole(connection, mark + 1);
      await store.close();
    } finally {
      await full.stop();
      await place.remove();
    }
  }, 120_000);

  describeCrashes('TimescaleDB', async () => {
    const { connection, drop } = await databases.createDatabase();
    return {
      connection,
      openStore: createTimescaleStore,
      crash: async () => {
        await server.kill();
        await server.restart();
      },
      stop: drop,
    };
  });
});

/** A file system of so many megabytes; undefined, loudly, where none can be mounted. */
async function smallDisk(
  megabytes: number,
): Promise<{ directory: string; remove(): Promise<void> } | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-small-'));
  const mounted = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${megabytes}m`,
    'tmpfs',
    directory,
  ]);
  if (mounted.status !== 0) {
    await rm(directory, { recursive: true });
    reportMissing({
      what: 'a small disk to fill',
      why: `mount said: ${mounted.stderr?.toString().trim() ?? mounted.error?.message}`,
      fix: 'sudo npm test',
    });
    return undefined;
  }
  await chmod(directory, 0o755);
  return {
    directory,
    remove: async () => {
      spawnSync('umount', [directory]);
      await rm(directory, { recursive: true });
    },
  };
}
