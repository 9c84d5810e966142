import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { lockDirectory, systemClock, type Clock, type Log } from '@millrace/runtime';
import type { PostgresConnection } from '../postgres-connection.ts';
import { EMBEDDED_DATABASE, EMBEDDED_USER, ensureCluster } from './cluster.ts';
import { asStartFailure } from './embedded-errors.ts';
import { EMBEDDED_POSTGRES_DEFAULTS, type EmbeddedPostgresSettings } from './embedded-settings.ts';
import { stopLeftBehindPostgres } from './left-behind-postgres.ts';
import { ensurePlatformBinaries } from './platform-binaries.ts';
import { launchPostgres, type ProcessEnd } from './postgres-process.ts';
import { POSTGRES_PORT, prepareSocketDirectory } from './socket-directory.ts';
import { checkTraversable, unprivilegedUser } from './unprivileged-user.ts';

export interface EmbeddedPostgresParams {
  /** Created when missing. Holds programs, the cluster, the socket and the server's log. */
  directory: string;
  log: Log;
  clock?: Clock;
  settings?: Partial<EmbeddedPostgresSettings>;
  /** Where the socket was, if connections must find the server again. */
  socketDirectory?: string;
}

export interface EmbeddedPostgres {
  pid: number;
  socketDirectory: string;
  connection: PostgresConnection;
  /** Resolves when the server has ended, however that came. */
  exited: Promise<ProcessEnd>;
  /** Ends it cleanly, in bounded time; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL on `directory` and resolves when it takes connections. The directory is
 * ours alone meanwhile; a server that a killed process left behind is stopped first.
 */
export async function startEmbeddedPostgres(
  params: EmbeddedPostgresParams,
): Promise<EmbeddedPostgres> {
  const settings = { ...EMBEDDED_POSTGRES_DEFAULTS, ...params.settings };
  const components = { clock: params.clock ?? systemClock, log: params.log };
  const directory = resolve(params.directory);
  // Only what we create is opened: an existing directory keeps the modes its owner chose.
  if ((await mkdir(directory, { recursive: true })) !== undefined) await chmod(directory, 0o755);
  const lock = await lockDirectory(directory);
  const undo: (() => Promise<void>)[] = [() => lock.release()];
  const cleanUp = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const user = await unprivilegedUser();
    if (user !== undefined) await checkTraversable(directory, user);
    const binaries = await ensurePlatformBinaries(join(directory, 'binaries'));
    const cluster = await ensureCluster({ directory, binaries, user });
    await stopLeftBehindPostgres(components, cluster);
    const socket = await prepareSocketDirectory(directory, user, params.socketDirectory);
    undo.push(() => socket.remove());
    const { pid, exited, stop } = await launchPostgres(components, {
      program: binaries.postgres,
      cluster,
      user,
      socketDirectory: socket.path,
      logFile: join(directory, 'postgres.log'),
      settings,
    });
    const cleaned = exited.then(async (end) => {
      await cleanUp();
      return end;
    });
    return {
      pid,
      socketDirectory: socket.path,
      connection: {
        host: socket.path,
        port: POSTGRES_PORT,
        user: EMBEDDED_USER,
        database: EMBEDDED_DATABASE,
      },
      exited: cleaned,
      stop: async () => {
        await stop();
        await cleaned;
      },
    };
  } catch (error) {
    await cleanUp();
    throw asStartFailure(error, directory);
  }
}
