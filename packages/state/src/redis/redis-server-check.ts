import { errorText, type Log } from '@millrace/runtime';
import type { Redis } from 'ioredis';

/** What is wrong with a server's configuration, each with what it means for the data. */
const WARNINGS: readonly {
  readonly field: string;
  readonly isRight: (value: string) => boolean;
  readonly message: string;
}[] = [
  {
    field: 'maxmemory_policy',
    isRight: (value) => value === 'noeviction',
    message:
      'This Redis may evict state when its memory is full: set maxmemory-policy to noeviction. ' +
      'Nothing is lost by it, since evicted state is folded again from the log; that takes time.',
  },
  {
    field: 'aof_enabled',
    isRight: (value) => value === '1',
    message:
      'This Redis keeps no append-only file, so a restart loses state: set appendonly to yes. ' +
      'Nothing is lost by it, since lost state is folded again from the log; that takes time.',
  },
];

/** Looks at a server after each connection to it, and says each thing once until it changes. */
export function createServerCheck(
  params: Readonly<{ where: string; log: Log }>,
): (client: Redis) => Promise<void> {
  const { where, log } = params;
  const told = new Map<string, string>();
  return async (client) => {
    let info: string;
    try {
      info = await client.info();
    } catch (error) {
      // Gone again, or this user may not ask: the server is used all the same.
      log.debug({ where, error: errorText(error) }, 'The settings of Redis could not be read.');
      return;
    }
    for (const { field, isRight, message } of WARNINGS) {
      const value = new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1];
      if (value === undefined || told.get(field) === value) continue;
      told.set(field, value);
      if (!isRight(value)) log.warn({ where, [field]: value }, message);
    }
  };
}
