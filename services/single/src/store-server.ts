import { join } from 'node:path';
import type { Clock, Log } from '@millrace/runtime';
import type { PostgresConnection } from '@millrace/store';
import { superviseEmbeddedPostgres, type SupervisedPostgres } from '@millrace/store/embedded';
import type { DataDirectory } from './running/data-directory.ts';
import type { RunningStore } from './running/run-file.ts';
import type { SingleSettings } from './settings.ts';

/** The PostgreSQL that the writer writes to: our own, or somebody else's. */
export interface StoreServer {
  connection: PostgresConnection;
  /** As `run.json` tells others. */
  running: RunningStore;
  /** Path of the Unix socket of the embedded one. */
  socket: string | undefined;
  isRunning(): boolean;
  stop(): Promise<void>;
  /** Asks it to end without waiting: for the moment in which the process ends anyway. */
  abandon(): void;
}

export async function startStoreServer(
  components: Readonly<{ log: Log; clock: Clock }>,
  directory: DataDirectory,
  settings: SingleSettings['store'],
): Promise<StoreServer> {
  const { url, sharedBuffersMb } = settings;
  if (url !== undefined) return externalStore(url);
  const postgres = await superviseEmbeddedPostgres({
    directory: directory.postgres,
    ...components,
    settings: { sharedBuffersMb },
  });
  return embeddedStore(postgres);
}

function embeddedStore(postgres: SupervisedPostgres): StoreServer {
  const { connection } = postgres;
  if (!('host' in connection)) throw new Error('the embedded PostgreSQL has no socket');
  const { host, port, user, database } = connection;
  return {
    connection,
    running: { kind: 'embedded', host, port, user, database },
    socket: join(host, `.s.PGSQL.${port}`),
    isRunning: () => postgres.isRunning,
    stop: () => postgres.stop(),
    abandon: () => {
      if (postgres.pid !== undefined) interrupt(postgres.pid);
    },
  };
}

/** It is not ours to start or stop, and the writer tells when it cannot be reached. */
function externalStore(url: string): StoreServer {
  return {
    connection: { url },
    running: { kind: 'external' },
    socket: undefined,
    isRunning: () => true,
    stop: async () => undefined,
    abandon: () => undefined,
  };
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
