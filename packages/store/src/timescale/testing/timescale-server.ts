import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  isMissing,
  runCommand,
  runOrFail,
  startServiceProcess,
  untilServing,
  type MissingService,
  type ProcessUser,
  type ServiceProcess,
} from '@millrace/runtime/testing';
import { isPostgresReady, POSTGRES_ENVIRONMENT } from '../../embedded/postgres-process.ts';
import { unprivilegedUser } from '../../embedded/unprivileged-user.ts';
import { findTimescalePrograms, postgresDirectory } from './timescale-programs.ts';

/** A real PostgreSQL with TimescaleDB for tests: everything it holds is theirs. */
export interface TimescaleServer {
  /** Of a superuser with a password, to the database `postgres`; over TCP. */
  readonly url: string;
  /** Undefined when it is not ours but that of TIMESCALE_URL: then only `stop` may be called. */
  readonly pid: number | undefined;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for `restart`. */
  kill(): Promise<void>;
  /**
   * Starts it again, after ending it in good order if it runs: same port, same data, and the
   * given settings beside those it was started with.
   */
  restart(params?: Readonly<{ settings?: PostgresSettings }>): Promise<void>;
}

type PostgresSettings = Readonly<Record<string, string>>;

const START_MS_MAX = 60_000;
/** Children of a killed server end by themselves; until then a new one is refused. */
const ORPHANS_MS_MAX = 20_000;

/**
 * Starts a PostgreSQL with TimescaleDB on a free port of 127.0.0.1. Uses that of TIMESCALE_URL
 * instead when there is one, unless it has to be `own`, to be hurt. `settings` are more of
 * PostgreSQL's own, `directory` an existing place for its data (a small disk, say).
 */
export async function startTimescaleServer(
  params: Readonly<{
    own?: boolean;
    settings?: PostgresSettings;
    directory?: string;
  }> = {},
): Promise<TimescaleServer | MissingService> {
  const { own = false, settings = {}, directory } = params;
  const url = process.env['TIMESCALE_URL'];
  if (!own && url !== undefined && url !== '') return serverOfEnvironment(url);
  const programs = await findTimescalePrograms();
  if (isMissing(programs)) return programs;
  return await OwnTimescaleServer.start({ programs, settings, directory });
}

function serverOfEnvironment(url: string): TimescaleServer {
  const refuse = async (): Promise<never> => {
    throw new Error('This TimescaleDB is not ours to hurt: start one with `own`.');
  };
  return { url, pid: undefined, stop: async () => undefined, kill: refuse, restart: refuse };
}

interface Place {
  /** Ours alone, and removed in the end. */
  readonly directory: string;
  readonly cluster: string;
  readonly bin: string;
  /** PostgreSQL refuses to run as root. */
  readonly user: ProcessUser | undefined;
  readonly password: string;
  readonly port: number;
  readonly settings: PostgresSettings;
}

class OwnTimescaleServer implements TimescaleServer {
  readonly url: string;
  readonly #place: Place;
  #process: ServiceProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
    this.url = `postgres://postgres:${place.password}@127.0.0.1:${place.port}/postgres`;
  }

  static async start(
    params: Readonly<{
      programs: string;
      settings: PostgresSettings;
      directory: string | undefined;
    }>,
  ): Promise<OwnTimescaleServer> {
    const { programs, settings } = params;
    const directory = await mkdtemp(join(tmpdir(), 'millrace-timescale-'));
    try {
      const user = await unprivilegedUser();
      const root = user === undefined ? programs : await openToAll(programs, directory);
      const server = new OwnTimescaleServer({
        ...{ directory, user, settings },
        bin: await postgresDirectory(root),
        cluster: join(params.directory ?? directory, 'cluster'),
        // Characters that a URL has to escape are in it, as they may be in anybody's.
        password: `${randomBytes(6).toString('hex')}%40%2F`,
        port: await freePort(),
      });
      await server.#initialize();
      await server.restart();
      return server;
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async stop(): Promise<void> {
    await this.#end();
    await rm(this.#place.cluster, { recursive: true, force: true });
    await rm(this.#place.directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async restart({ settings = {} }: { settings?: PostgresSettings } = {}): Promise<void> {
    await this.#end();
    const deadlineMs = performance.now() + ORPHANS_MS_MAX;
    for (;;) {
      const process = await this.#launch(settings);
      this.#process = process;
      try {
        await untilServing(process, {
          what: 'PostgreSQL',
          msMax: START_MS_MAX,
          isServing: () => isPostgresReady(this.#place.cluster, process.pid),
        });
        return;
      } catch (error) {
        const hasOrphans = /pre-existing shared memory block/.test(process.output());
        if (!hasOrphans || performance.now() > deadlineMs) throw error;
      }
    }
  }

  async #initialize(): Promise<void> {
    const { bin, cluster, directory, user, password } = this.#place;
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, decodeURIComponent(password));
    await mkdir(cluster, { mode: 0o700 });
    if (user !== undefined) {
      await chown(cluster, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    await runOrFail({
      file: join(bin, 'initdb'),
      args: [
        ...['-D', cluster, '--username', 'postgres', '--pwfile', passwordFile],
        ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C'],
        ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-instructions'],
        '--no-sync',
      ],
      env: POSTGRES_ENVIRONMENT,
      user,
    });
    await rm(passwordFile);
  }

  #launch(more: PostgresSettings): Promise<ServiceProcess> {
    const { bin, cluster, directory, user, port, settings } = this.#place;
    const all = {
      listen_addresses: '127.0.0.1',
      port: `${port}`,
      unix_socket_directories: '',
      shared_preload_libraries: 'timescaledb',
      'timescaledb.telemetry_level': 'off',
      // Each database with the extension occupies one, and each test file has several.
      'timescaledb.max_background_workers': '32',
      max_worker_processes: '64',
      max_connections: '100',
      shared_buffers: '64MB',
      ...settings,
      ...more,
    };
    return startServiceProcess({
      file: join(bin, 'postgres'),
      args: ['-D', cluster, ...Object.entries(all).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
      env: POSTGRES_ENVIRONMENT,
      temporary: directory,
      user,
    });
  }

  async #end(): Promise<void> {
    // Fast: rolls back what is open, disconnects everybody, writes everything to its place.
    await this.#process?.stop({ signal: 'SIGINT' });
  }
}

/** The programs where an unprivileged user can get in; second names where that is possible. */
async function openToAll(programs: string, directory: string): Promise<string> {
  await chmod(directory, 0o755);
  const root = join(directory, 'programs');
  const linked = await runCommand({ file: 'cp', args: ['-al', programs, root] });
  if (linked.code !== 0) {
    await rm(root, { recursive: true, force: true });
    await runOrFail({ file: 'cp', args: ['-a', programs, root] });
  }
  await chmod(root, 0o755);
  return root;
}
