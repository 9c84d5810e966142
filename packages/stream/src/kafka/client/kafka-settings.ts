import type { ConnectionOptions } from 'node:tls';
import { DEFAULT_STREAM_SETTINGS, type StreamSettings } from '../../stream-settings.ts';
import { STREAM_CODES, StreamError } from '../../stream-error.ts';
import type { CompressionName } from './compression.ts';

/** How Kafka is reached. */
export interface KafkaConnection {
  /** `host:port` of one or more brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string;
  /** TLS: true for the machine's authorities, or the options of `tls.connect`. */
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: KafkaSasl;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** The bounds of the adapter. */
export interface KafkaSettings extends Pick<
  StreamSettings,
  'recordBytesMax' | 'inFlightBytesMax' | 'retentionMs'
> {
  /** Payload bytes of one batch (at least one record): what one partition gets at a time. */
  batchBytesMax: number;
  /** Batches of all partitions that go to one broker in one request. */
  requestBytesMax: number;
  /** Produce requests under way to one broker. */
  requestsInFlightMax: number;
  /** What the batches of the producer are compressed with; readers know all of them. */
  compression: CompressionName;
  /** An append that was not acknowledged after so long, with all its attempts, is rejected. */
  appendMs: number;
  /** How long a broker may take to answer before the connection is given up. */
  requestMs: number;
  /** How long a connection may take to be made, with TLS and SASL. */
  connectMs: number;
  /** How long reads and questions are tried again inside before they fail, transiently. */
  retryMs: number;
  /** What a reader takes of its partition at a time; it holds at most twice as much. */
  fetchBytesMax: number;
  /** What one answer of a broker brings for all readers together. */
  fetchRequestBytesMax: number;
  /** How long a broker holds a fetch when there is nothing new. */
  fetchWaitMs: number;
  /** How long opening waits for a broker. */
  openMs: number;
  /** How long closing waits for appends under way. */
  closeMs: number;
}

export const DEFAULT_KAFKA_SETTINGS: KafkaSettings = {
  recordBytesMax: DEFAULT_STREAM_SETTINGS.recordBytesMax,
  inFlightBytesMax: DEFAULT_STREAM_SETTINGS.inFlightBytesMax,
  retentionMs: DEFAULT_STREAM_SETTINGS.retentionMs,
  batchBytesMax: 1024 * 1024,
  requestBytesMax: 8 * 1024 * 1024,
  requestsInFlightMax: 2,
  compression: 'none',
  appendMs: 30_000,
  requestMs: 10_000,
  connectMs: 5_000,
  retryMs: 10_000,
  fetchBytesMax: 1024 * 1024,
  fetchRequestBytesMax: 8 * 1024 * 1024,
  fetchWaitMs: 500,
  openMs: 30_000,
  closeMs: 5_000,
};

/** So long before a broker ends a session nothing new is begun in it. */
export const SESSION_REST_MS = 3_000;

/** P of a distributed log, unless said. */
export const DEFAULT_KAFKA_PARTITIONS = 12;

/**
 * `kafka-1:9092,kafka-2` → `['kafka-1:9092', 'kafka-2:9092']`, as in KAFKA_BROKERS.
 *
 * @throws StreamError STREAM_ADDRESS.
 */
export function parseBrokers(text: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim());
  const brokers = parts.filter((part) => part !== '').map((part) => parseBroker(part, text));
  if (brokers.length === 0) throw badAddress(text, 'it names no broker');
  return [...new Set(brokers)];
}

function parseBroker(part: string, text: string): string {
  const found = /^([A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(part);
  const port = Number(found?.[2] ?? 9092);
  if (found === null || port < 1 || port > 65_535) {
    throw badAddress(text, `"${part}" is not host:port`);
  }
  return `${found[1]}:${port}`;
}

export type BrokerPlace = Readonly<{ host: string; port: number }>;

/** Of `host:port`, as `parseBrokers` leaves it. */
export function placeOfBroker(broker: string): BrokerPlace {
  const at = broker.lastIndexOf(':');
  return { host: broker.slice(0, at), port: Number(broker.slice(at + 1)) };
}

function badAddress(text: string, why: string): StreamError {
  return new StreamError({
    code: STREAM_CODES.address,
    message: `The list of Kafka brokers is "${text}", and ${why}. Nothing was opened.`,
    remedy:
      'Set KAFKA_BROKERS to host:port of one or more brokers, separated by commas; names or ' +
      'IPv4 addresses. TLS and SASL have settings of their own.',
  });
}
