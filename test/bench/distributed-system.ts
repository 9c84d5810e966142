import { isMissing, type MissingService } from '@millrace/runtime/testing';
import { startRedisServer, type RedisServer } from '@millrace/state/redis/testing';
import { startTimescaleServer, type TimescaleServer } from '@millrace/store/timescale/testing';
import { startKafkaBroker, type KafkaBroker } from '@millrace/stream/kafka/testing';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { figuresOf, figuresOfDescendants } from '../services/process-figures.ts';
import { runCommandLine, startStage, type StageProcess } from '../services/stage-processes.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLastVisible } from '../services/last-samples.ts';
import { onAbandon } from './abandon.ts';
import { faultsOf, type MillraceSystem } from './millrace-system.ts';
import type { PartFigures } from './system-under-test.ts';

const VISIBLE_MS_MAX = 600_000;
const NOTHING: PartFigures = { cpuSeconds: 0, rssBytes: 0 };
const STAGES = ['receiver', 'transformer', 'writer'] as const;

interface Services {
  kafka: KafkaBroker;
  redis: RedisServer;
  timescale: TimescaleServer;
}

/** Millrace as docker-compose.yml runs it, each process once, beside real services on this machine. */
export async function startDistributed(): Promise<MillraceSystem> {
  const services = await startServices();
  const processes: StageProcess[] = [];
  const stop = async (): Promise<(number | null)[]> => {
    // Front to back, so that each can still finish what the one before it has put out.
    const codes: (number | null)[] = [];
    for (const one of processes) codes.push(await one.stop());
    await Promise.all(Object.values(services).map((service) => service.stop()));
    return codes;
  };
  const abandoned = onAbandon(stop);
  try {
    const environment = {
      KAFKA_BROKERS: services.kafka.url,
      REDIS_URL: services.redis.url,
      DATABASE_URL: services.timescale.url,
      MILLRACE_LOGGING__LEVEL: 'warn',
    };
    await runCommandLine(['setup'], environment);
    for (const stage of STAGES) processes.push(await startStage(stage, environment));
    const store = await StoreClient.connectTo({ connectionString: services.timescale.url });
    return {
      name: 'millrace on Kafka, Redis and TimescaleDB',
      url: processes[0]!.url,
      path: '/api/v1/write',
      store,
      figures: () => figures(processes, services),
      untilVisible: (load, result) => untilLastVisible(store, load, result, VISIBLE_MS_MAX),
      bytesKept: () => bytesKept(store),
      faults: async (load: LoadSettings, result: LoadResult) => await faultsOf(store, load, result),
      stop: async () => {
        await store.close();
        const codes = await stop();
        abandoned.over();
        if (codes.some((code) => code !== 0))
          throw new Error(`Millrace ended with ${codes.join()}`);
      },
    };
  } catch (error) {
    await stop();
    abandoned.over();
    throw error;
  }
}

async function startServices(): Promise<Services> {
  const [kafka, redis, timescale] = await Promise.all([
    startKafkaBroker({ own: true, heapMb: 1024 }),
    startRedisServer({ own: true }),
    startTimescaleServer({ own: true }),
  ]);
  return { kafka: present(kafka), redis: present(redis), timescale: present(timescale) };
}

function present<T extends object>(service: T | MissingService): T {
  if (!isMissing(service)) return service;
  throw new Error(`${service.what}: ${service.why}. To run it: ${service.fix}`);
}

function figures(
  processes: readonly StageProcess[],
  { kafka, redis, timescale }: Services,
): Record<string, PartFigures> {
  const of = (pid: number | undefined): PartFigures =>
    pid === undefined ? NOTHING : sum(figuresOf(pid) ?? NOTHING, figuresOfDescendants(pid));
  const stages = processes.map(({ stage, pid }) => [stage, of(pid)] as const);
  return {
    ...Object.fromEntries(stages),
    kafka: of(kafka.pid),
    redis: of(redis.pid),
    timescale: of(timescale.pid),
  };
}

function sum(a: PartFigures, b: PartFigures): PartFigures {
  return { cpuSeconds: a.cpuSeconds + b.cpuSeconds, rssBytes: a.rssBytes + b.rssBytes };
}

async function bytesKept(store: StoreClient): Promise<Record<string, number>> {
  const { samples, database } = await store.row<{ samples: number; database: number }>(
    `SELECT (hypertable_size('samples_narrow') + hypertable_size('samples_packed')
         + (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('samples_head'))
       )::float8 AS samples,
       pg_database_size(current_database())::float8 AS database`,
  );
  return { 'table samples': samples, 'database in all': database };
}
