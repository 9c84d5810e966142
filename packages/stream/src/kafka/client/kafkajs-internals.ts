import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { logCreator, SASLOptions } from 'kafkajs';
import { misuse } from '../../stream-error.ts';

/*
 * The one place that reaches into kafkajs. Its public clients do not fit a log that is a database:
 * the consumer always joins a group and pushes; the producer keeps one request a broker under way,
 * fails all partitions of a request with the first and, after an outcome it could not learn, gives
 * the next batch the same sequence numbers, so that the broker answers for records it never saw as
 * if they were there (`sequence-trap.services.test.ts`). And a connection that is used again after
 * it broke within an answer reads what follows as garbage. So what is used here is what works:
 * one connection at a time with TLS, SASL and framing, the bytes of small requests, the names of
 * errors. The version is pinned; another one has to be looked at first.
 */
const KAFKAJS_VERSION = '2.2.4';

/** kafkajs's `Connection`, as far as it is used. */
export interface KafkajsConnection {
  readonly socket: Socket | undefined;
  readonly requestQueue: KafkajsRequestQueue;
  connect(): Promise<true>;
  authenticate(): Promise<void>;
  isAuthenticated(): boolean;
  setVersions(versions: Readonly<Record<number, ApiVersionRange>>): void;
  setSupportAuthenticationProtocol(isSupported: boolean): void;
  nextCorrelationId(): number;
}

export interface ApiVersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Its requests under way, by correlation id. */
export interface KafkajsRequestQueue {
  pending: readonly unknown[];
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  push(request: {
    entry: {
      apiKey: number;
      apiName: string;
      apiVersion: number;
      correlationId: number;
      resolve: (answer: { payload: Buffer }) => void;
      reject: (error: unknown) => void;
    };
    expectResponse: boolean;
    requestTimeout: number | null;
    sendRequest: () => void;
  }): void;
  rejectAll(error: unknown): void;
  destroy(): void;
  scheduleCheckPendingRequests(): void;
}

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly ssl: ConnectionOptions | null;
  readonly sasl: SASLOptions | null;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly reauthenticationThreshold: number;
  readonly logger: KafkajsLogger;
  readonly socketFactory: (params: {
    host: string;
    port: number;
    ssl: ConnectionOptions | null;
    onConnect: () => void;
  }) => Socket;
}

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger;
}

/** A request and its answer, as kafkajs encodes and decodes them. */
export interface KafkajsProtocol<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<{ readonly buffer: Buffer }>;
  };
  readonly response: {
    decode(payload: Buffer): Promise<unknown>;
    parse(decoded: unknown): Promise<Answer>;
  };
}

type ProtocolOf<Params, Answer> = {
  protocol(params: { version: number }): (params: Params) => KafkajsProtocol<Answer>;
};

interface Requests {
  ApiVersions: ProtocolOf<
    void,
    { apiVersions: readonly (ApiVersionRange & Readonly<{ apiKey: number }>)[] }
  >;
  InitProducerId: ProtocolOf<
    { transactionalId: null; transactionTimeout: number },
    { producerId: string; producerEpoch: number }
  >;
  DescribeConfigs: ProtocolOf<
    { resources: { type: number; name: string; configNames: string[] }[] },
    {
      resources: readonly {
        resourceName: string;
        configEntries: readonly { configName: string; configValue: string | null }[];
      }[];
    }
  >;
  DeleteRecords: ProtocolOf<
    { topics: { topic: string; partitions: { partition: number; offset: string }[] }[] } & {
      timeout: number;
    },
    unknown
  >;
}

const require = createRequire(import.meta.url);
const { version } = require('kafkajs/package.json') as { version: string };
if (version !== KAFKAJS_VERSION) {
  throw misuse(
    `kafkajs is ${version}, and the Kafka adapter knows the inside of ${KAFKAJS_VERSION} only.`,
  );
}

type New<Params, T> = new (params: Params) => T;

export const Connection: New<
  ConnectionSettings,
  KafkajsConnection
> = require('kafkajs/src/network/connection.js');
export const RequestQueue: {
  readonly prototype: KafkajsRequestQueue;
} = require('kafkajs/src/network/requestQueue/index.js');

interface RequestsModule {
  readonly requests: Requests;
}
export const requests: Requests = (
  require('kafkajs/src/protocol/requests/index.js') as RequestsModule
).requests;

/** `NOT_LEADER_FOR_PARTITION` and the like, with a sentence. */
type CreateError = (code: number) => Error & { readonly type: string };
export const createErrorFromCode: CreateError = (
  require('kafkajs/src/protocol/error.js') as { createErrorFromCode: CreateError }
).createErrorFromCode;

type CreateLogger = (params: { level: number; logCreator: logCreator }) => KafkajsLogger;
export const createLogger: CreateLogger = (
  require('kafkajs/src/loggers/index.js') as { createLogger: CreateLogger }
).createLogger;
