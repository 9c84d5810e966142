import { setTimeout as pause } from 'node:timers/promises';
import { isMissing, reportMissing, startTcpProxy, type TcpProxy } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisStateSettings } from './redis-settings.ts';
import { openRedisStateStore, type RedisStateStore } from './redis-state-store.ts';
import { at, commitTo, largePages, stateAt } from './testing/commits.ts';
import { recordingLog } from './testing/recording-log.ts';
import { startRedisServer, type RedisServer } from './testing/redis-server.ts';

// Not the one that is shared: this one is killed, filled and flushed. What it answered must be in
// its file before a kill, hence `always`.
const started = await startRedisServer({ own: true, args: ['--appendfsync', 'always'] });
if (isMissing(started)) reportMissing(started);

const SHORT: Partial<RedisStateSettings> = { connectMsMax: 400, reconnectMsMax: 50 };
/** How much longer than its bound a call may take on a busy machine. */
const SLACK_MS = 2_000;
const AWAY = { code: 'STATE_UNREACHABLE', kind: 'transient' };

describe.skipIf(isMissing(started))('RedisStateStore when Redis misbehaves', () => {
  const server = started as RedisServer;
  const stores: RedisStateStore[] = [];
  const proxies: TcpProxy[] = [];
  let admin: Redis;

  beforeAll(() => {
    admin = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    // Told by the tests themselves.
    admin.on('error', () => undefined);
  });
  beforeEach(async () => {
    await admin.flushall();
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  const open = (
    params: Partial<Parameters<typeof openRedisStateStore>[0]> = {},
  ): RedisStateStore => {
    const store = openRedisStateStore({ url: server.url, settings: SHORT, ...params });
    stores.push(store);
    return store;
  };
  /** Resolves when a store has its connection again. */
  const connected = async (store: RedisStateStore): Promise<void> => {
    await expect
      .poll(() => store.readPosition(0).catch(() => 'away'), { timeout: 10_000 })
      .not.toBe('away');
  };
  const openThroughProxy = async (): Promise<{ store: RedisStateStore; proxy: TcpProxy }> => {
    const proxy = await startTcpProxy({ port: Number(new URL(server.url).port) });
    proxies.push(proxy);
    return { store: open({ url: `redis://127.0.0.1:${proxy.port}` }), proxy };
  };

  describe('killed', () => {
    it('and back with its data: goes on by itself', async () => {
      const store = open();
      expect(await store.commit(commitTo(1))).toBe('committed');
      await server.kill();
      const beforeMs = performance.now();
      await expect(store.commit(commitTo(2, { from: 1 }))).rejects.toMatchObject(AWAY);
      expect(performance.now() - beforeMs).toBeLessThan(SHORT.connectMsMax! + SLACK_MS);
      await server.restart();
      await connected(store);
      expect(await store.commit(commitTo(2, { from: 1 }))).toBe('committed');
      expect(await store.load(0)).toEqual(stateAt(2));
    });

    it('and back without its data: outrun, and nothing is there', async () => {
      const store = open();
      await store.commit(commitTo(1));
      await server.kill();
      await server.restart({ data: 'none' });
      await connected(store);
      expect(await store.commit(commitTo(2, { from: 1 }))).toBe('outrun');
      expect(await store.load(0)).toBeUndefined();
      expect(await store.readPosition(0)).toBeUndefined();
      expect(await store.commit(commitTo(2))).toBe('committed');
    });

    it('and back with an older copy: outrun, and the older state is whole', async () => {
      const store = open();
      const older = new Map([
        ['page', new Uint8Array([1])],
        ['gone', new Uint8Array([2])],
      ]);
      await store.commit(commitTo(1, { pages: older }));
      const saved = await server.saveData();
      await connected(store);
      const newer = new Map([
        ['page', new Uint8Array([3])],
        ['gone', undefined],
        ['new', new Uint8Array([4])],
      ]);
      expect(await store.commit(commitTo(2, { from: 1, pages: newer }))).toBe('committed');
      await server.kill();
      await server.restart({ data: saved });
      await connected(store);
      expect(await store.commit(commitTo(3, { from: 2 }))).toBe('outrun');
      expect(await store.load(0)).toEqual(stateAt(1, older));
      expect(await store.commit(commitTo(2, { from: 1, pages: newer }))).toBe('committed');
    });

    it('and replaced by a replica that had lost it: outrun, its older state is whole', async () => {
      const store = open();
      await store.commit(commitTo(1));
      const replica = await server.startReplica();
      await replica.cutOff();
      expect(await store.commit(commitTo(2, { from: 1 }))).toBe('committed');
      await replica.promote();
      await connected(store);
      expect(await store.commit(commitTo(3, { from: 2 }))).toBe('outrun');
      expect(await store.load(0)).toEqual(stateAt(1));
      expect(await store.commit(commitTo(2, { from: 1 }))).toBe('committed');
      // The one in its place is killed and started again like any other.
      await server.kill();
      await server.restart();
      await connected(store);
      expect(await store.load(0)).toEqual(stateAt(2));
    });

    it('in the middle of a commit: all of it is there, or nothing', async () => {
      const store = open();
      // Of each position one value, so that a mixture would be seen.
      const pagesAt = (position: number): Map<string, Uint8Array> =>
        largePages(20_000_000, position);
      await store.commit(commitTo(1, { pages: pagesAt(1) }));
      let from = 1;
      for (let round = 0; round < 8; round += 1) {
        const to = from + 1;
        const commit = commitTo(to, { from, pages: pagesAt(to) });
        const committing = store.commit(commit).catch(() => 'unknown');
        // Each round a little later: while it is sent, while it runs, while it is written.
        await pause(round * 20);
        await server.kill();
        const outcome = await committing;
        await server.restart();
        await connected(store);
        const state = (await store.load(0))!;
        expect(outcome === 'committed' ? [to] : [from, to]).toContain(state.position);
        const wanted = pagesAt(state.position);
        const wrong = [...wanted].filter(([name, page]) => !isEqual(page, state.pages.get(name)));
        expect(wrong.map(([name]) => name)).toEqual([]);
        expect(state.pages.size).toBe(wanted.size);
        from = state.position;
      }
    }, 60_000);
  });

  it('flushed between two commits: outrun, and nothing is there', async () => {
    const store = open();
    await store.commit(commitTo(1));
    await admin.flushall();
    expect(await store.commit(commitTo(2, { from: 1 }))).toBe('outrun');
    expect(await store.load(0)).toBeUndefined();
  });

  it('forgets its scripts: they are sent again', async () => {
    const store = open();
    await store.commit(commitTo(1));
    await admin.script('FLUSH');
    expect(await store.commit(commitTo(2, { from: 1 }))).toBe('committed');
    await admin.script('FLUSH');
    expect(await store.readPosition(0)).toEqual(at(2));
  });

  describe('with a connection that is cut', () => {
    it('while a commit is sent: nothing happened, and the next attempt does it', async () => {
      const { store, proxy } = await openThroughProxy();
      await store.commit(commitTo(1));
      const commit = commitTo(2, { from: 1, pages: largePages(4_000_000) });
      proxy.cutAfterRequestBytes(2_000_000);
      await expect(store.commit(commit)).rejects.toMatchObject(AWAY);
      await connected(store);
      expect(await store.load(0)).toEqual(stateAt(1));
      expect(await store.commit(commit)).toBe('committed');
    });

    it('before the answer: it happened, and the next attempt is outrun', async () => {
      const { store, proxy } = await openThroughProxy();
      await store.commit(commitTo(1));
      proxy.cutAtAnswer();
      const commit = commitTo(2, { from: 1 });
      await expect(store.commit(commit)).rejects.toMatchObject(AWAY);
      await connected(store);
      expect(await store.commit(commit)).toBe('outrun');
      expect((await store.load(0))?.position).toBe(2);
    });

    it('while it is read: the next attempt reads it', async () => {
      const { store, proxy } = await openThroughProxy();
      await store.commit(commitTo(1));
      proxy.cutAtAnswer();
      await expect(store.load(0)).rejects.toMatchObject(AWAY);
      await connected(store);
      expect(await store.load(0)).toEqual(stateAt(1));
    });
  });

  it('silent: a call ends in time, and the next one works when it speaks again', async () => {
    const store = open({ settings: { ...SHORT, answerMsMax: 300 } });
    await store.commit(commitTo(1));
    process.kill(server.pid!, 'SIGSTOP');
    try {
      const beforeMs = performance.now();
      await expect(store.load(0)).rejects.toMatchObject(AWAY);
      // The new connection is taken by the system, and stays as silent.
      await expect(store.load(0)).rejects.toMatchObject(AWAY);
      expect(performance.now() - beforeMs).toBeLessThan(300 + SHORT.connectMsMax! + SLACK_MS);
    } finally {
      process.kill(server.pid!, 'SIGCONT');
    }
    await expect.poll(() => store.load(0).catch(() => undefined)).toEqual(stateAt(1));
  });

  it('away when it is opened: calls fail in time, and work as soon as it is there', async () => {
    await server.kill();
    const { log, lines } = recordingLog();
    const store = open({ log });
    for (const call of [store.load(0), store.readPosition(0), store.commit(commitTo(1))]) {
      const beforeMs = performance.now();
      await expect(call).rejects.toMatchObject({ ...AWAY, remedy: expect.any(String) });
      expect(performance.now() - beforeMs).toBeLessThan(SHORT.connectMsMax! + SLACK_MS);
    }
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
    await server.restart({ data: 'none' });
    await connected(store);
    expect(await store.commit(commitTo(1))).toBe('committed');
  });

  it('says once that it is away, however often it tries, and once that it is back', async () => {
    const { log, lines } = recordingLog();
    const store = open({ log, settings: { ...SHORT, reconnectMsMin: 5, reconnectMsMax: 5 } });
    await store.commit(commitTo(1));
    await server.kill();
    // Told of the end of its connection and of the first attempts, it goes on trying.
    await expect.poll(() => lines.length).toBe(3);
    for (let i = 0; i < 2; i += 1) await expect(store.load(0)).rejects.toMatchObject(AWAY);
    await server.restart();
    await connected(store);
    const told = lines.map(({ level, message, fields }) => [level, fields['error'] ?? message]);
    expect(told).toEqual([
      ['info', 'Connected to Redis.'],
      ['warn', 'Connection is closed.'],
      ['warn', expect.stringContaining('ECONNREFUSED')],
      ['info', 'Connected to Redis.'],
    ]);
  });

  it('is closed in time while it is away, and then refuses', async () => {
    const store = open();
    await store.commit(commitTo(1));
    await server.kill();
    const waiting = store.load(0);
    const closing = store.close();
    await expect(waiting).rejects.toMatchObject(AWAY);
    await closing;
    await expect(store.load(0)).rejects.toMatchObject({ code: 'STATE_CLOSED' });
    await server.restart();
  });
});

function isEqual(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
