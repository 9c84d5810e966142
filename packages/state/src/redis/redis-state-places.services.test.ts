import { reportMissing } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { describeStatePlaces } from '../testing/places-contract.ts';
import { openRedisStatePlaces } from './redis-state-places.ts';

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

  describeStatePlaces('Redis', async () => {
    made += 1;
    const keyPrefix = `test-places-${process.pid}-${made}`;
    return {
      open: () => openRedisStatePlaces({ url, keyPrefix }),
      dispose: async () => {
        const keys = await admin.keys(`${keyPrefix}:*`);
        if (keys.length > 0) await admin.unlink(...keys);
      },
    };
  });
});
