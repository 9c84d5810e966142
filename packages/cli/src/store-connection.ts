import { MillraceError, optionalText, readSetting } from '@millrace/runtime';
import type { RunFile } from '@millrace/single/running';
import type { PostgresConnection } from '@millrace/store';
import { dataDirOf, type CliContext } from './cli-context.ts';
import { isDistributed } from './distributed/is-distributed.ts';
import { findRunning } from './running-single.ts';

/**
 * Of a cluster the database that the environment names, else that of the running process.
 *
 * @throws MillraceError NOT_RUNNING, CONFIG_STORE_URL.
 */
export async function storeConnection(
  context: CliContext,
  dataDir: string | undefined,
): Promise<PostgresConnection> {
  const { environment } = context;
  const isShared = dataDir === undefined && isDistributed(environment);
  if (!isShared) return connectionOf(await findRunning(dataDirOf(context, dataDir)), environment);
  const url = storeUrl(environment);
  if (url !== undefined) return { url };
  throw new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: 'KAFKA_BROKERS speaks of a cluster, and it is not said which database that stores in.',
    remedy: 'Set DATABASE_URL, or name the data directory of a process with --data-dir.',
  });
}

function storeUrl(environment: CliContext['environment']): string | undefined {
  const setting = { ...optionalText({ aliases: ['DATABASE_URL'], help: '' }), secret: true };
  return readSetting(['store', 'url'], setting, environment);
}

/** The socket that `run.json` names, or the URL that the process was started with as well. */
export function connectionOf(
  run: RunFile,
  environment: CliContext['environment'],
): PostgresConnection {
  if (run.store.kind === 'embedded') {
    const { host, port, user, database } = run.store;
    return { host, port, user, database };
  }
  const url = storeUrl(environment);
  if (url !== undefined) return { url };
  throw new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: `Process ${run.pid} uses a PostgreSQL of your own, and its URL is not written down.`,
    remedy: 'Set DATABASE_URL to the same URL here.',
  });
}
