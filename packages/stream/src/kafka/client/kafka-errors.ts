import { errorText } from '@millrace/runtime';
import { STREAM_CODES, StreamError, type StreamCode } from '../../stream-error.ts';
import type { Topic } from '../../stream.ts';
import { createErrorFromCode } from './kafkajs-internals.ts';
import { KafkaCode } from './protocol.ts';

/** A code of Kafka's for one partition, as an error. */
export class KafkaAnswerError extends Error {
  override readonly name = 'KafkaAnswerError';
  readonly kafkaCode: number;

  constructor(kafkaCode: number) {
    super(kafkaCodeText(kafkaCode));
    this.kafkaCode = kafkaCode;
  }
}

/** Names that kafkajs's list does not have. */
const newerNames: Readonly<Record<number, string>> = {
  [KafkaCode.producerFenced]: 'PRODUCER_FENCED',
  [KafkaCode.unknownTopicId]: 'UNKNOWN_TOPIC_ID',
  [KafkaCode.inconsistentTopicId]: 'INCONSISTENT_TOPIC_ID',
};

/** `NOT_LEADER_FOR_PARTITION: This server is not the leader …`. */
function kafkaCodeText(code: number): string {
  const newer = newerNames[code];
  if (newer !== undefined) return newer;
  const { type, message } = createErrorFromCode(code);
  return `${type}: ${message}`;
}

/** Which kind of trouble it is, by what Kafka or kafkajs calls it. Else: the broker is away. */
const codeOfType: Readonly<Record<string, StreamCode>> = {
  TOPIC_AUTHORIZATION_FAILED: STREAM_CODES.forbidden,
  GROUP_AUTHORIZATION_FAILED: STREAM_CODES.forbidden,
  CLUSTER_AUTHORIZATION_FAILED: STREAM_CODES.forbidden,
  SASL_AUTHENTICATION_FAILED: STREAM_CODES.forbidden,
  UNSUPPORTED_SASL_MECHANISM: STREAM_CODES.forbidden,
  SECURITY_DISABLED: STREAM_CODES.forbidden,
  KafkaJSSASLAuthenticationError: STREAM_CODES.forbidden,
  UNSUPPORTED_VERSION: STREAM_CODES.version,
  KafkaJSServerDoesNotSupportApiKey: STREAM_CODES.version,
  UNKNOWN: STREAM_CODES.broken,
  CORRUPT_MESSAGE: STREAM_CODES.broken,
  KAFKA_STORAGE_ERROR: STREAM_CODES.broken,
  LOG_DIR_NOT_FOUND: STREAM_CODES.broken,
  MESSAGE_TOO_LARGE: STREAM_CODES.broken,
  NothingWholeError: STREAM_CODES.broken,
  INVALID_TIMESTAMP: STREAM_CODES.broken,
  INVALID_RECORD: STREAM_CODES.broken,
  UNSUPPORTED_COMPRESSION_TYPE: STREAM_CODES.broken,
  INVALID_TOPIC_EXCEPTION: STREAM_CODES.notSetUp,
  INVALID_PARTITIONS: STREAM_CODES.notSetUp,
  INVALID_REPLICATION_FACTOR: STREAM_CODES.notSetUp,
  INVALID_CONFIG: STREAM_CODES.notSetUp,
  POLICY_VIOLATION: STREAM_CODES.notSetUp,
};

const TOPIC_GONE =
  'The topic is gone, or its broker does not know it yet. If it was deleted, run "millrace ' +
  'setup --accept-new-log".';

/** What an encryption that does not fit counts as. */
const TLS = 'TLS';
/** Node's names: `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`, `EPROTO`. */
const TLS_CODES = /CERT|SIGNATURE|ERR_SSL|ERR_TLS|^EPROTO$/;
const OTHERWISE = 'The topic is configured otherwise than it was set up: run "millrace setup".';

/** Where a better advice is known than that of the code. */
const remedyOfType: Readonly<Record<string, string>> = {
  [TLS]:
    'The broker answers, and its encryption does not fit: look at MILLRACE_KAFKA__TLS and ' +
    'MILLRACE_KAFKA__TLS_CA_FILE, and at the names in its certificate.',
  INVALID_TIMESTAMP: OTHERWISE,
  INVALID_RECORD: OTHERWISE,
  UNSUPPORTED_COMPRESSION_TYPE: OTHERWISE,
  INVALID_TOPIC_EXCEPTION:
    'Kafka allows no such name: the topic prefix may have letters, digits, ".", "_" and "-".',
  INVALID_REPLICATION_FACTOR:
    'There are fewer brokers than copies were asked for: start the missing ones, or ask for ' +
    'fewer copies.',
  MESSAGE_TOO_LARGE:
    'The topic takes smaller records than it was set up for: run "millrace setup", and look at ' +
    'max.message.bytes of the topic.',
  UNKNOWN_TOPIC_OR_PARTITION: TOPIC_GONE,
  UNKNOWN_TOPIC_ID: TOPIC_GONE,
  LEADER_NOT_AVAILABLE:
    'No broker that has all of it leads the partition: start the missing brokers.',
  NOT_ENOUGH_REPLICAS:
    'Fewer brokers have a copy than min.insync.replicas asks for: start the missing ones.',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    'Fewer brokers have a copy than min.insync.replicas asks for: start the missing ones.',
};

const remedyOf: Partial<Readonly<Record<StreamCode, string>>> = {
  [STREAM_CODES.unreachable]:
    'Look whether the brokers run and can be reached from here (KAFKA_BROKERS). As soon as they ' +
    'answer, processes go on by themselves; a command has to be repeated.',
  [STREAM_CODES.forbidden]:
    'Give this user the rights to read, write, describe and delete records of the topics, or ' +
    'correct its password.',
  [STREAM_CODES.version]: 'Use Kafka 3.9 or newer.',
  [STREAM_CODES.broken]:
    'Look into the log of the broker: its disk may be full or failing. It is tried again.',
};

/**
 * What a failure of Kafka means. `doing` completes "could not ..."; `effect` says what it means
 * for the data. At an open it is final when only a person can change it; later nothing is: rights
 * and passwords come back, and a partition must not stand still for ever when they do.
 */
export function translateKafkaError(
  error: unknown,
  params: Readonly<{ where: string; doing: string; effect: string; isFinal?: boolean }>,
): StreamError {
  if (error instanceof StreamError) return error;
  if (isDefect(error)) return new StreamError({ ...defectOf(error, params), cause: error });
  const type = typeOf(error);
  const found = codeOfType[type] ?? STREAM_CODES.unreachable;
  const isPassing = found === STREAM_CODES.unreachable || found === STREAM_CODES.broken;
  const code = isPassing || params.isFinal === true ? found : STREAM_CODES.broken;
  return new StreamError({
    code,
    message: `${params.where}: could not ${params.doing} (${reasonOf(error)}). ${params.effect}`,
    remedy: remedyOfType[type] ?? remedyOf[found] ?? 'See the message.',
    cause: error,
  });
}

/** Not of Kafka, nor of the network: a mistake in the program. */
function isDefect(error: unknown): boolean {
  return (
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  );
}

function defectOf(
  error: unknown,
  { where, doing, effect }: Readonly<{ where: string; doing: string; effect: string }>,
): ConstructorParameters<typeof StreamError>[0] {
  return {
    code: STREAM_CODES.misuse,
    message: `${where}: could not ${doing} (${errorText(error)}). ${effect}`,
    remedy: 'Report this as a bug of Millrace.',
  };
}

/** Whether trying again can help at an open. */
export function isPassing(error: unknown): boolean {
  if (isDefect(error)) return false;
  const code = error instanceof StreamError ? error.code : codeOfType[typeOf(error)];
  return code === undefined || code === STREAM_CODES.unreachable || code === STREAM_CODES.broken;
}

function typeOf(error: unknown): string {
  const root = rootOf(error);
  if (root instanceof KafkaAnswerError) return root.message.split(':')[0] ?? '';
  if (!(root instanceof Error)) return '';
  if ('code' in root && TLS_CODES.test(String(root.code))) return TLS;
  return 'type' in root && typeof root.type === 'string' ? root.type : root.name;
}

/** What kafkajs put into errors that say only "it failed too often" or "some failed". */
function rootOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'KafkaJSNumberOfRetriesExceeded') return rootOf(error.cause);
  if (error.name !== 'KafkaJSAggregateError' || !('errors' in error)) return error;
  return Array.isArray(error.errors) && error.errors.length > 0 ? error.errors[0] : error;
}

/** With the topic it is about, where kafkajs knows it. */
function reasonOf(error: unknown): string {
  const root = rootOf(error);
  const type = typeOf(error);
  const text = errorText(root);
  if (!(root instanceof Error) || !('topic' in root)) return text;
  return `${String(root.topic)}: ${type}: ${text}`;
}

export function topicReplaced(topic: Topic, detail: string): StreamError {
  return new StreamError({
    code: STREAM_CODES.replaced,
    message:
      `${topic} is not the one that this process opened: ${detail}. Nothing was acknowledged or ` +
      'read that belongs to another log; what was acknowledged before is gone with the old one.',
    remedy:
      'Find out who deleted it. To go on with the new log run "millrace setup ' +
      '--accept-new-log" and start again.',
  });
}

export function topicMissing(topics: readonly string[]): StreamError {
  return new StreamError({
    code: STREAM_CODES.notSetUp,
    message: `Kafka has no topic ${topics.join(', ')}. Nothing was opened.`,
    remedy: 'Run "millrace setup", which creates them; check the topic prefix if they exist.',
  });
}
