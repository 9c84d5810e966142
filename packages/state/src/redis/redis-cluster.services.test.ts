import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { openRedisStateStore } from './redis-state-store.ts';
import { commitTo, stateAt } from './testing/commits.ts';
import { startRedisServer, type RedisServer } from './testing/redis-server.ts';

const started = await startRedisServer({ own: true, args: ['--cluster-enabled', 'yes'] });
if (isMissing(started)) reportMissing(started);

it.skipIf(isMissing(started))(
  'a state is one key of one slot; slots that nobody serves are waited for',
  async () => {
    const server = started as RedisServer;
    const admin = new Redis(server.url);
    const store = openRedisStateStore({ url: server.url });
    try {
      await expect(store.commit(commitTo(1))).rejects.toMatchObject({
        code: 'STATE_BUSY',
        kind: 'transient',
        message: expect.stringContaining('CLUSTERDOWN'),
      });
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
      await expect
        .poll(() => store.commit(commitTo(1)).catch(() => 'down'), { timeout: 10_000 })
        .toBe('committed');
      expect(await store.load(0)).toEqual(stateAt(1));
      // Everything of a partition, under any prefix, is where its number says.
      const slots = ['millrace:{p7}:state', 'other:{p7}:anything'].map((key) =>
        admin.call('CLUSTER', 'KEYSLOT', key),
      );
      expect(new Set(await Promise.all(slots)).size).toBe(1);
    } finally {
      await store.close();
      admin.disconnect();
      await server.stop();
    }
  },
);
