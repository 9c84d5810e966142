import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StateError } from '../state-error.ts';
import { openRedisStateStore, type RedisStateStore } from './redis-state-store.ts';
import { commitTo, largePages, stateAt } from './testing/commits.ts';
import { recordingLog } from './testing/recording-log.ts';
import { startRedisServer, type RedisServer } from './testing/redis-server.ts';

// Not the one that is shared: its settings are changed.
const started = await startRedisServer({ own: true });
if (isMissing(started)) reportMissing(started);

describe.skipIf(isMissing(started))('RedisStateStore when Redis refuses', () => {
  const server = started as RedisServer;
  const stores: RedisStateStore[] = [];
  let admin: Redis;

  beforeAll(() => {
    admin = new Redis(server.url);
  });
  beforeEach(async () => {
    await admin.flushall();
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  afterAll(async () => {
    await admin.quit();
    await server.stop();
  });

  const open = (
    params: Partial<Parameters<typeof openRedisStateStore>[0]> = {},
  ): RedisStateStore => {
    const settings = { connectMsMax: 1_000, reconnectMsMin: 5, reconnectMsMax: 20 };
    const store = openRedisStateStore({ url: server.url, settings, ...params });
    stores.push(store);
    return store;
  };
  const withPassword = (text: string): string => server.url.replace('://', `://${text}@`);

  it('says that there is no memory, changes nothing, and goes on when there is some', async () => {
    const store = open();
    await store.commit(commitTo(1));
    await admin.config('SET', 'maxmemory', '1mb');
    const commit = commitTo(2, { from: 1, pages: largePages(1_000_000) });
    const error = (await store.commit(commit).catch((e: unknown) => e)) as StateError;
    expect(error).toMatchObject({ code: 'STATE_FULL', kind: 'transient' });
    expect(error.message).toContain('The state is as it was');
    // The pages of the commit must not live on in its error, and in no log line made of it.
    expect(error.cause).not.toHaveProperty('command');
    expect(await store.load(0)).toEqual(stateAt(1));
    await admin.config('SET', 'maxmemory', '0');
    expect(await store.commit(commit)).toBe('committed');
  });

  it.each([
    ['none', ''],
    ['a wrong one', ':wrong'],
  ])('says that it wants a password when given %s, and never shows it', async (_, given) => {
    await admin.config('SET', 'requirepass', 'right');
    try {
      const { log, lines } = recordingLog();
      const store = open({ url: given === '' ? server.url : withPassword(given), log });
      const error = (await store.load(0).catch((e: unknown) => e)) as StateError;
      expect(error).toMatchObject({ code: 'STATE_UNAUTHORIZED', kind: 'transient' });
      expect(`${error.message} ${JSON.stringify(lines)}`).not.toContain('wrong@');
      expect(lines).toHaveLength(1);
      expect(await open({ url: withPassword(':right') }).load(0)).toBeUndefined();
      // Mended at the server, it works without being opened again.
      await admin.config('SET', 'requirepass', given.slice(1));
      await expect.poll(() => store.load(0).catch(() => 'refused')).toBeUndefined();
    } finally {
      await admin.config('SET', 'requirepass', '');
    }
  });

  it('says which commands a user lacks', async () => {
    const rights = ['on', '>secret', '~*', '+@read', '+info', '+ping'];
    await admin.call('ACL', 'SETUSER', 'reader', ...rights);
    const store = open({ url: withPassword('reader:secret') });
    await expect(store.commit(commitTo(1))).rejects.toMatchObject({
      code: 'STATE_UNAUTHORIZED',
      message: expect.stringContaining('evalsha'),
    });
    await admin.call('ACL', 'DELUSER', 'reader');
  });

  it('writes nothing to a replica, says so once, goes on when it is none any more', async () => {
    const { log, lines } = recordingLog();
    const store = open({ log });
    await store.commit(commitTo(1));
    await admin.replicaof('127.0.0.1', 1);
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const error = (await store
          .commit(commitTo(2, { from: 1 }))
          .catch((e: unknown) => e)) as StateError;
        expect(error).toMatchObject({ code: 'STATE_READ_ONLY', kind: 'transient' });
        // It is connected to anew each time: behind the same name there may be another one.
        await expect.poll(() => store.load(0).catch(() => undefined)).toEqual(stateAt(1));
      }
      expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    } finally {
      await admin.replicaof('NO', 'ONE');
    }
    await expect
      .poll(() => store.commit(commitTo(2, { from: 1 })).catch(() => 'refused'))
      .toBe('committed');
    expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'Connected to Redis.' });
  });

  it('writes nothing while too few replicas follow', async () => {
    const store = open();
    await admin.config('SET', 'min-replicas-to-write', '1');
    const refused = store.commit(commitTo(1));
    await expect(refused).rejects.toMatchObject({ code: 'STATE_READ_ONLY', kind: 'transient' });
    await admin.config('SET', 'min-replicas-to-write', '0');
    expect(await store.commit(commitTo(1))).toBe('committed');
  });

  it('warns once of a Redis that may evict, and of one that keeps no file', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.config('SET', 'appendonly', 'no');
    try {
      const { log, lines } = recordingLog();
      const store = open({ log });
      const warnings = (): unknown[] =>
        lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
      const both = [
        expect.stringContaining('set maxmemory-policy to noeviction'),
        expect.stringContaining('set appendonly to yes'),
      ];
      await expect.poll(warnings).toEqual(both);
      // Connected again, there is nothing new to say.
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await expect.poll(() => store.load(0).catch(() => 'away')).toBeUndefined();
      await expect.poll(() => lines.at(-1)?.message).toBe('Connected to Redis.');
      await store.load(0);
      const other = warnings().filter((line) => String(line).startsWith('This Redis'));
      expect(other).toEqual(both);
    } finally {
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      await admin.config('SET', 'appendonly', 'yes');
      await expect.poll(() => admin.info('persistence')).toContain('aof_rewrite_in_progress:0');
    }
  });

  it('refuses a database that is not there, for good', async () => {
    const store = open({ url: `${server.url}/99` });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(store.commit(commitTo(1))).rejects.toMatchObject({
        code: 'STATE_BAD_SETTINGS',
        kind: 'permanent',
      });
    }
    // Least of all it uses another one.
    expect(await admin.dbsize()).toBe(0);
  });
});
