import { MillraceError, type Log } from '@millrace/runtime';
import { openRedisStateStore, type RedisStateStore } from '@millrace/state/redis';
import type { CliContext } from '../cli-context.ts';
import { readDistributedSettings } from '../distributed/distributed-settings.ts';

/** The state of an installation on Redis. @throws MillraceError SETTING_CHECKPOINT_REDIS. */
export function openSharedState(context: CliContext, log: Log): RedisStateStore {
  const { url, keyPrefix } = readDistributedSettings(context.environment).redis;
  if (url === undefined) throw redisNeeded();
  return openRedisStateStore({ url, keyPrefix, log });
}

function redisNeeded(): MillraceError {
  return new MillraceError({
    code: 'SETTING_CHECKPOINT_REDIS',
    kind: 'permanent',
    message: 'Checkpoints are made of the state in Redis, and no Redis was named.',
    remedy: 'Set REDIS_URL as for the transformers.',
  });
}
