import { isMissing, type MissingService } from '@millrace/runtime/testing';
import { startRedisServer, type RedisServer } from '@millrace/state/redis/testing';
import { startTimescaleServer, type TimescaleServer } from '@millrace/store/timescale/testing';
import { startKafkaBroker, type KafkaBroker } from '@millrace/stream/kafka/testing';
import type { ServiceUrls } from './distributed-world.ts';

/** A Kafka, a Redis and a TimescaleDB that nobody else uses: they may be hurt. */
export interface OwnServices {
  readonly kafka: KafkaBroker;
  readonly redis: RedisServer;
  readonly timescale: TimescaleServer;
  readonly urls: ServiceUrls;
  stop(): Promise<void>;
}

/** Starts all three at the same time. `nodes`: brokers of the Kafka. */
export async function startOwnServices(
  params: Readonly<{ nodes?: number }> = {},
): Promise<OwnServices | readonly MissingService[]> {
  const started = await Promise.allSettled([
    startKafkaBroker({ own: true, ...params }),
    startRedisServer({ own: true }),
    startTimescaleServer({ own: true }),
  ]);
  const found = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(found.map(async (one) => (isMissing(one) ? undefined : await one.stop())));
  };
  const missing = found.filter(isMissing);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined || missing.length > 0) await stop();
  if (failed !== undefined) throw failed.reason;
  if (missing.length > 0) return missing;
  const [kafka, redis, timescale] = found as [KafkaBroker, RedisServer, TimescaleServer];
  const urls = { kafka: kafka.url, redis: redis.url, timescale: timescale.url };
  return { kafka, redis, timescale, urls, stop };
}
