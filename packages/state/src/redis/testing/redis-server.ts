import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findOnPath,
  freePort,
  prepareOnce,
  runCommand,
  startServiceProcess,
  unpackDebianPackages,
  unpackedPackages,
  untilServing,
  whyNoApt,
  type MissingService,
  type ProbedProgram,
  type ServiceProcess,
} from '@millrace/runtime/testing';
import { Redis } from 'ioredis';

/** A real Redis for tests: everything it holds is theirs. */
export interface RedisServer {
  readonly url: string;
  /** Undefined when it is not ours but that of REDIS_URL: then only `stop` may be called. */
  readonly pid: number | undefined;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port: with its data, without any, or with a saved copy of it. */
  restart(params?: Readonly<{ data?: 'kept' | 'none' | SavedData }>): Promise<void>;
  /** A copy of its files: ends it in good order, copies them and starts it again. */
  saveData(): Promise<SavedData>;
  /** Starts a replica of it, in step with it when this resolves. */
  startReplica(): Promise<RedisReplica>;
  /** FLUSHALL. */
  flushAll(): Promise<void>;
}

/** Another redis-server that follows the first one. */
export interface RedisReplica {
  /** It hears no more of what is written, and stays as it is. */
  cutOff(): Promise<void>;
  /** SIGKILL to the one it followed; it takes over at that one's port with the data it has. */
  promote(): Promise<void>;
}

/** A directory that `saveData` made; it goes away with the server. */
export interface SavedData {
  readonly directory: string;
}

const REDIS: ProbedProgram = {
  program: 'redis-server',
  probe: ['--version'],
  answer: /^Redis server v=([7-9]|\d\d)\./m,
};
const START_MS_MAX = 30_000;

/**
 * Starts a Redis on a free port of 127.0.0.1 that keeps an append-only file and evicts nothing.
 * Uses that of REDIS_URL instead when there is one, unless it has to be `own`, to be hurt.
 * `args` are more arguments of redis-server: `['--requirepass', 'secret']`.
 */
export async function startRedisServer(
  params: Readonly<{ own?: boolean; args?: readonly string[] }> = {},
): Promise<RedisServer | MissingService> {
  const { own = false, args = [] } = params;
  const url = process.env['REDIS_URL'];
  if (!own && url !== undefined && url !== '') return serverOfEnvironment(url);
  const program = await findRedis();
  if ('what' in program) return program;
  return await OwnRedisServer.start(program, args);
}

interface RunnableProgram {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** On the search path, else unpacked from the packages of this machine's own release. */
async function findRedis(): Promise<RunnableProgram | MissingService> {
  const onPath = await findOnPath(REDIS);
  if (onPath !== undefined) return { file: onPath, env: process.env };
  const whyNot = whyNoApt('own');
  if (whyNot !== undefined) return missingRedis(whyNot);
  try {
    const directory = await prepareOnce({
      name: `${await releaseName()}-redis-server`,
      make: (work) => unpackDebianPackages({ work, packages: ['redis-server'] }),
    });
    const { root, env } = await unpackedPackages(directory);
    const found = {
      file: join(root, 'usr', 'bin', 'redis-server'),
      env: { ...process.env, ...env },
    };
    const { output } = await runCommand({ file: found.file, args: REDIS.probe, env: found.env });
    if (REDIS.answer.test(output)) return found;
    return missingRedis(`what was unpacked into ${directory} says: ${output.trim()}`);
  } catch (error) {
    return missingRedis(error instanceof Error ? error.message : String(error));
  }
}

/** `debian-bookworm`: what is unpacked for one release does not fit another. */
async function releaseName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  const field = (name: string): string =>
    new RegExp(`^${name}="?([\\w.-]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_CODENAME')}`;
}

function missingRedis(why: string): MissingService {
  return {
    what: 'Redis 7 or newer',
    why: `no REDIS_URL, no redis-server on the search path, nor to be had from packages: ${why}`,
    fix: 'apt-get install redis-server',
  };
}

function serverOfEnvironment(url: string): RedisServer {
  const refuse = async (): Promise<never> => {
    throw new Error('This Redis is not ours to hurt: start one with `own`.');
  };
  return {
    url,
    pid: undefined,
    stop: async () => undefined,
    kill: refuse,
    restart: refuse,
    saveData: refuse,
    startReplica: refuse,
    flushAll: refuse,
  };
}

class OwnRedisServer implements RedisServer {
  readonly url: string;
  readonly #program: RunnableProgram;
  readonly #port: number;
  readonly #args: readonly string[];
  /** Holds the data, copies of it, and those of replicas. */
  readonly #directory: string;
  /** Of the server that serves now, within the directory. */
  #data = 'data';
  #process: ServiceProcess | undefined;
  readonly #replicas = new Set<ServiceProcess>();
  #copies = 0;

  private constructor(
    program: RunnableProgram,
    params: Readonly<{ port: number; args: readonly string[]; directory: string }>,
  ) {
    this.#program = program;
    this.#port = params.port;
    this.#args = params.args;
    this.#directory = params.directory;
    this.url = `redis://127.0.0.1:${params.port}`;
  }

  static async start(program: RunnableProgram, args: readonly string[]): Promise<OwnRedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-redis-'));
    const server = new OwnRedisServer(program, { port: await freePort(), args, directory });
    try {
      await server.restart({ data: 'none' });
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async stop(): Promise<void> {
    // Nothing of it is needed any more.
    await this.#process?.kill();
    await Promise.all([...this.#replicas].map((one) => one.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async restart(params: Parameters<RedisServer['restart']>[0] = {}): Promise<void> {
    const { data = 'kept' } = params;
    await this.#process?.stop();
    const directory = join(this.#directory, this.#data);
    if (data !== 'kept') await rm(directory, { recursive: true, force: true });
    if (typeof data === 'object') await cp(data.directory, directory, { recursive: true });
    this.#process = await this.#launch(this.#port, this.#data);
  }

  async saveData(): Promise<SavedData> {
    this.#copies += 1;
    const directory = join(this.#directory, `saved-${this.#copies}`);
    // Running it may hold back what it has not written yet.
    await this.#process?.stop();
    await cp(join(this.#directory, this.#data), directory, { recursive: true });
    await this.restart();
    return { directory };
  }

  async flushAll(): Promise<void> {
    await askRedis(this.#port, (redis) => redis.flushall());
  }

  async startReplica(): Promise<RedisReplica> {
    this.#copies += 1;
    const [port, data] = [await freePort(), `replica-${this.#copies}`];
    const process = await this.#launch(port, data, ['--replicaof', `127.0.0.1 ${this.#port}`]);
    this.#replicas.add(process);
    await untilServing(process, {
      what: 'a replica in step with its redis-server',
      msMax: START_MS_MAX,
      isServing: async () => {
        const told = await askRedis(port, (redis) => redis.info());
        // What it was sent at first it writes beside what it serves; killed before, it has nothing.
        const hasWritten = /aof_rewrite_in_progress:0\s/.test(told);
        const isScheduled = /aof_rewrite_scheduled:1/.test(told);
        return told.includes('master_link_status:up') && hasWritten && !isScheduled;
      },
    });
    return {
      // Nobody listens there.
      cutOff: () => askRedis(port, async (redis) => void (await redis.replicaof('127.0.0.1', 1))),
      promote: async () => {
        await this.#process?.kill();
        this.#replicas.delete(process);
        [this.#process, this.#data] = [process, data];
        await askRedis(port, async (redis) => {
          await redis.replicaof('NO', 'ONE');
          await redis.config('SET', 'port', this.#port);
        });
      },
    };
  }

  async #launch(port: number, data: string, more: readonly string[] = []): Promise<ServiceProcess> {
    const directory = join(this.#directory, data);
    await mkdir(directory, { recursive: true });
    const settings = {
      port: `${port}`,
      bind: '127.0.0.1',
      dir: directory,
      appendonly: 'yes',
      save: '',
      'maxmemory-policy': 'noeviction',
    };
    const args = Object.entries(settings).flatMap(([k, v]) => [`--${k}`, v]);
    const process = await startServiceProcess({
      ...this.#program,
      args: [...args, ...this.#args, ...more],
      temporary: this.#directory,
    });
    await untilServing(process, {
      what: 'redis-server',
      msMax: START_MS_MAX,
      isServing: () => isServing(port),
    });
    return process;
  }
}

async function askRedis<T>(port: number, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, '127.0.0.1');
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** Whether it answers a PING, if only with the wish for a password. */
function isServing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (serving: boolean): void => {
      socket.destroy();
      resolve(serving);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (chunk) => finish(/^(\+PONG|-NOAUTH)/.test(chunk.toString())));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.setTimeout(1_000, () => finish(false));
  });
}
