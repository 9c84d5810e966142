import { reportMissing } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { describeStateStore } from '../testing/state-contract.ts';
import { HEADER_FIELDS, stateKey } from './redis-layout.ts';
import { openRedisStateStore, type RedisStateStore } from './redis-state-store.ts';
import { at, commitTo, stateAt } from './testing/commits.ts';

const redis = inject('redis');
if ('missing' in redis) reportMissing(redis.missing);

describe.skipIf('missing' in redis)('with a real Redis', () => {
  const { url } = redis as { url: string };
  let admin: Redis;
  let made = 0;
  beforeAll(() => {
    admin = new Redis(url);
  });
  afterAll(async () => {
    await admin.quit();
  });

  const newPrefix = (): string => {
    made += 1;
    return `test-${process.pid}-${made}`;
  };
  const removeAll = async (keyPrefix: string): Promise<void> => {
    const keys = await admin.keys(`${keyPrefix}:*`);
    if (keys.length > 0) await admin.unlink(...keys);
  };

  describeStateStore('RedisStateStore', async () => {
    const keyPrefix = newPrefix();
    return {
      open: () => openRedisStateStore({ url, keyPrefix }),
      losePosition: async (partition) => {
        await admin.hdel(stateKey(keyPrefix, partition), ...HEADER_FIELDS);
      },
      losePage: async (partition, key) => {
        await admin.hdel(stateKey(keyPrefix, partition), `/${key}`);
      },
      dispose: () => removeAll(keyPrefix),
    };
  });

  describe('RedisStateStore', () => {
    let keyPrefix: string;
    let key: string;
    let store: RedisStateStore;
    beforeEach(() => {
      keyPrefix = newPrefix();
      key = stateKey(keyPrefix, 0);
      store = openRedisStateStore({ url, keyPrefix });
    });
    afterEach(async () => {
      await store.close();
      await removeAll(keyPrefix);
    });

    it('is one hash, on one node of a cluster, that an operator can read', async () => {
      await store.commit({ ...commitTo(7), partition: 7 });
      const seventh = `${keyPrefix}:{p7}:state`;
      expect(await admin.keys(`${keyPrefix}:*`)).toEqual([seventh]);
      expect(await admin.hmget(seventh, 'log', 'position', 'pages')).toEqual([
        at(7).logId,
        '7',
        '1',
      ]);
    });

    it('keeps states under other prefixes apart', async () => {
      const other = openRedisStateStore({ url, keyPrefix: `${keyPrefix}-b` });
      await store.commit(commitTo(1));
      expect(await other.load(0)).toBeUndefined();
      await other.close();
    });

    const damages: [string, (page: Buffer) => Promise<unknown>][] = [
      ['a page whose bytes changed', (page) => admin.hset(key, '/page', Buffer.alloc(page.length))],
      ['a page that was cut off', (page) => admin.hset(key, '/page', page.subarray(0, 3))],
      [
        "a page under another page's key",
        async (page) => {
          await admin.hdel(key, '/page');
          await admin.hset(key, '/other', page);
        },
      ],
      ['a page too many', () => admin.hset(key, '/other', 'x')],
      ['a position that is none', () => admin.hset(key, 'position', 'seven')],
      ['a log id that is gone', () => admin.hdel(key, 'log')],
      ['a layout of another program', () => admin.hset(key, 'layout', '2')],
      ['something that is no hash', () => admin.set(key, 'text')],
    ];
    it.each(damages)('refuses %s', async (_, damage) => {
      await store.commit(commitTo(1));
      await damage((await admin.hgetBuffer(key, '/page'))!);
      await expect(store.load(0)).rejects.toMatchObject({
        code: 'STATE_CORRUPT',
        kind: 'permanent',
        message: expect.stringContaining(key),
      });
    });

    it.each(damages.slice(3).filter(([name]) => !name.startsWith('a position')))(
      'commits nothing to %s',
      async (_, damage) => {
        await store.commit(commitTo(1));
        await damage((await admin.hgetBuffer(key, '/page'))!);
        await expect(store.commit(commitTo(2, { from: 1 }))).rejects.toMatchObject({
          code: 'STATE_CORRUPT',
        });
      },
    );

    it('takes as many pages as there may be', async () => {
      const pages = new Map(
        Array.from({ length: 150_000 }, (_, i) => [`${i}`, new Uint8Array([i & 255])]),
      );
      expect(await store.commit(commitTo(1, { pages }))).toBe('committed');
      expect((await store.load(0))?.pages).toEqual(pages);
      const none = new Map([...pages.keys()].map((name) => [name, undefined]));
      expect(await store.commit(commitTo(2, { from: 1, pages: none }))).toBe('committed');
      expect(await store.load(0)).toEqual(stateAt(2, new Map()));
    });

    it('refuses a commit that is larger than its bound, before anything is sent', async () => {
      const small = openRedisStateStore({ url, keyPrefix, settings: { commitBytesMax: 1_000 } });
      const pages = new Map([['page', new Uint8Array(1_000)]]);
      await expect(small.commit(commitTo(1, { pages }))).rejects.toMatchObject({
        code: 'STATE_COMMIT_TOO_BIG',
        kind: 'permanent',
      });
      expect(await store.load(0)).toBeUndefined();
      await small.close();
    });

    it('reads one moment while another owner commits, or says that it could not', async () => {
      const generation = (n: number): Map<string, Uint8Array | undefined> => {
        const pages = new Map<string, Uint8Array | undefined>();
        for (let i = 0; i < 200; i += 1) pages.set(`page ${i}`, new Uint8Array(1_000).fill(n));
        return pages.set('odd', n % 2 === 1 ? new Uint8Array([n]) : undefined);
      };
      await store.commit(commitTo(1, { pages: generation(1) }));
      // So small answers that commits come in between.
      const settings = { answerBytes: 20_000, loadAttemptsMax: 3 };
      const reader = openRedisStateStore({ url, keyPrefix, settings });
      let reading = true;
      const outcomes = { whole: 0, busy: 0 };
      const read = async (): Promise<void> => {
        while (reading) {
          try {
            const state = (await reader.load(0))!;
            const wanted = [...generation(state.position)].filter(([, page]) => page !== undefined);
            expect(state.pages).toEqual(new Map(wanted));
            outcomes.whole += 1;
          } catch (error) {
            expect(error).toMatchObject({ code: 'STATE_BUSY', kind: 'transient' });
            outcomes.busy += 1;
          }
        }
      };
      const read1 = read();
      for (let n = 2; n <= 200; n += 1) {
        expect(await store.commit(commitTo(n, { from: n - 1, pages: generation(n) }))).toBe(
          'committed',
        );
        // A pause now and then: sometimes nobody is in between.
        if (n % 40 === 0) {
          const before = outcomes.whole;
          await expect.poll(() => outcomes.whole).toBeGreaterThan(before);
        }
      }
      reading = false;
      await read1;
      expect(outcomes.busy).toBeGreaterThan(0);
      await reader.close();
    });

    it('lets one of many owners win each commit', async () => {
      const others = Array.from({ length: 4 }, () => openRedisStateStore({ url, keyPrefix }));
      for (let to = 1; to <= 25; to += 1) {
        const from = to === 1 ? undefined : to - 1;
        const outcomes = await Promise.all(
          others.map((other, i) => other.commit(commitTo(to, { from, page: `page of ${to + i}` }))),
        );
        expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
        const winner = outcomes.indexOf('committed');
        expect((await store.load(0))?.pages).toEqual(stateAt(to + winner).pages);
      }
      await Promise.all(others.map((other) => other.close()));
    });
  });
});
