import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import {
  runCommandLine,
  spawnStage,
  untilReady,
  type Environment,
  type StageName,
  type StageProcess,
} from './stage-processes.ts';
import { StoreClient } from './store-client.ts';

export interface ServiceUrls {
  kafka: string;
  redis: string;
  timescale: string;
}

/**
 * Millrace as processes on real services, under names of its own: other suites may use the same
 * services at the same time.
 */
export class DistributedWorld {
  readonly environment: Environment;
  readonly #database: string;
  #store: StoreClient;
  readonly #name: string;
  readonly #urls: ServiceUrls;
  readonly #processes = new Set<StageProcess>();
  /** By those that ended with it: a test that failed is asked what they said after that. */
  #said: readonly string[] = [];
  readonly #every: StageProcess[] = [];

  private constructor(name: string, urls: ServiceUrls, database: string, store: StoreClient) {
    this.#name = name;
    this.#urls = urls;
    this.#store = store;
    this.#database = database;
    this.environment = environmentOf(name, urls, database);
  }

  /** Topics, log, tables: what `millrace setup` makes. `environment` goes over its own. */
  static async make(
    urls: ServiceUrls,
    params: Readonly<{ partitions: number; environment?: Environment }>,
  ): Promise<DistributedWorld> {
    const name = `millrace_test_${randomBytes(4).toString('hex')}`;
    const database = new URL(urls.timescale);
    database.pathname = `/${name}`;
    await administer(urls, `CREATE DATABASE ${name} TEMPLATE template0`);
    await runCommandLine(['setup'], {
      ...environmentOf(name, urls, database.href),
      MILLRACE_PARTITIONS: String(params.partitions),
      ...params.environment,
    });
    const store = await StoreClient.connectTo({ connectionString: database.href });
    return new DistributedWorld(name, urls, database.href, store);
  }

  get store(): StoreClient {
    return this.#store;
  }

  /** The connection of `store` does not outlive its server. */
  async connectStoreAgain(): Promise<void> {
    await this.#store.close();
    this.#store = await StoreClient.connectTo({ connectionString: this.#database });
  }

  /** Resolves when it is ready. */
  async start(stage: StageName, more: Environment = {}, port?: number): Promise<StageProcess> {
    const started = await this.spawn(stage, more, port);
    await untilReady(started);
    return started;
  }

  /** Starts one that may have to wait for what it needs. */
  async spawn(stage: StageName, more: Environment = {}, port?: number): Promise<StageProcess> {
    const spawned = await spawnStage(stage, { ...this.environment, ...more }, port);
    this.#processes.add(spawned);
    this.#every.push(spawned);
    return spawned;
  }

  /** SIGKILL. */
  async kill(killed: StageProcess): Promise<void> {
    await killed.kill();
    this.#processes.delete(killed);
  }

  /** SIGKILL, and another one in its place, on the same port. */
  async killAndStartAgain(killed: StageProcess, more: Environment = {}): Promise<StageProcess> {
    await this.kill(killed);
    return await this.start(killed.stage, more, killed.port);
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(one: StageProcess): Promise<number | null> {
    this.#processes.delete(one);
    return await one.stop();
  }

  /** What FLUSHALL would do, but to this world alone. */
  async flushState(): Promise<number> {
    return await this.#withRedis(async (redis) => {
      const keys = await redis.keys(`${this.#name}:*`);
      return keys.length === 0 ? 0 : await redis.del(...keys);
    });
  }

  /** The position of each partition whose state was committed. */
  async committedPositions(): Promise<number[]> {
    return await this.#withRedis(async (redis) => {
      const keys = await redis.keys(`${this.#name}:{p*}:state`);
      return await Promise.all(keys.map(async (key) => Number(await redis.hget(key, 'position'))));
    });
  }

  /** Cuts connections to the database wherever they are: in a COPY, in a COMMIT. */
  async cutDatabaseConnections(): Promise<number> {
    const rows = await administer(
      this.#urls,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = '${this.#name}' AND state <> 'idle'`,
    );
    return rows.length;
  }

  async #withRedis<Result>(act: (redis: Redis) => Promise<Result>): Promise<Result> {
    const redis = new Redis(this.#urls.redis);
    try {
      return await act(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** The command, as somebody would call it here. */
  async run(...args: string[]): Promise<string> {
    return await runCommandLine(args, this.environment);
  }

  /** Also those that have ended. */
  get everyProcess(): readonly StageProcess[] {
    return this.#every;
  }

  /** What every process of this world that runs wrote, by stage. */
  outputs(): string {
    const said = [...this.#processes].map(({ stage, output }) => `== ${stage}\n${output()}`);
    return [...this.#said, ...said].join('\n');
  }

  /** Ends the processes and leaves the rest to services that end as well. */
  async end(): Promise<void> {
    await Promise.all([...this.#processes].map((one) => one.kill()));
    this.#said = [this.outputs()];
    this.#processes.clear();
    await this.#store.close();
  }

  async remove(): Promise<void> {
    await this.end();
    await this.flushState();
    await administer(this.#urls, `DROP DATABASE ${this.#name} WITH (FORCE)`);
  }
}

function environmentOf(name: string, urls: ServiceUrls, database: string): Environment {
  return {
    KAFKA_BROKERS: urls.kafka,
    REDIS_URL: urls.redis,
    DATABASE_URL: database,
    MILLRACE_KAFKA__TOPIC_PREFIX: `${name}.`,
    MILLRACE_REDIS__KEY_PREFIX: name,
  };
}

async function administer(urls: ServiceUrls, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: urls.timescale });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
