import type { Log } from '@millrace/runtime';
import { Kafka, logLevel, type SASLOptions } from 'kafkajs';
import { quietIdleLoop } from './idle-loop-patch.ts';
import { kafkaLogCreator } from './kafka-log.ts';
import { SESSION_REST_MS, type KafkaConnection, type KafkaSettings } from './kafka-settings.ts';
import { registerCodecs } from './kafkajs-codecs.ts';

/**
 * kafkajs's own client, set up as the stream is (addresses, TLS, SASL, log lines, codecs, the
 * quiet idle loop): for what the stream does not do, topics and groups. `retries` are those of
 * kafkajs within one call.
 */
export function createKafkaClient(
  params: Readonly<{
    connection: KafkaConnection;
    log: Log;
    settings: Pick<KafkaSettings, 'connectMs' | 'requestMs'>;
    retries: number;
  }>,
): Kafka {
  const { connection, log, settings, retries } = params;
  const { brokers, clientId, ssl = false, sasl } = connection;
  quietIdleLoop();
  registerCodecs();
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ssl,
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
    connectionTimeout: settings.connectMs,
    requestTimeout: settings.requestMs,
    enforceRequestTimeout: true,
    reauthenticationThreshold: SESSION_REST_MS,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 2_000 },
    logLevel: logLevel.WARN,
    logCreator: kafkaLogCreator(log),
  });
}
