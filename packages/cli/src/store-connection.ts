import { MillraceError } from '@millrace/runtime';
import type { PostgresConnection } from '@millrace/store';
import { dataDirOf, type CliContext } from './cli-context.ts';
import { connectionOf } from './commands/sql.ts';
import { isDistributed } from './distributed/is-distributed.ts';
import { findRunning } from './running-single.ts';

/**
 * The store of the process on the data directory; with KAFKA_BROKERS, and no data directory named,
 * the one that DATABASE_URL names.
 *
 * @throws MillraceError NOT_RUNNING, CONFIG_STORE_URL, SETTING_….
 */
export async function storeConnection(
  context: CliContext,
  dataDir: string | undefined,
): Promise<PostgresConnection> {
  const { environment } = context;
  if (dataDir !== undefined || !isDistributed(environment)) {
    return connectionOf(await findRunning(dataDirOf(context, dataDir)), environment);
  }
  const { readDistributedSettings } = await import('./distributed/distributed-settings.ts');
  const { url } = readDistributedSettings(environment).store;
  if (url !== undefined) return { url };
  throw new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: 'Which database the writers use is not known here.',
    remedy: 'Set DATABASE_URL to its URL.',
  });
}
