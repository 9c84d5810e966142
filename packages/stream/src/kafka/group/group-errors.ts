import { errorText } from '@millrace/runtime';
import { LinkError } from '../client/broker-link.ts';
import { STREAM_CODES, StreamError } from '../../stream-error.ts';

/**
 * What an answer of the coordinator means for the membership:
 * - `rebalancing`: a new round has begun, and everybody joins it.
 * - `lost`: the group has gone on without this member; what it had may be somebody else's.
 * - `away`: nobody coordinates the group just now, or not this broker, or it cannot be reached.
 * - `refused`: the same request will be refused again until a person changes something.
 */
export type GroupAnswer = 'rebalancing' | 'lost' | 'away' | 'refused';

/** By Kafka's names, or kafkajs's. What is not here is a connection that broke, or a broker that is in trouble. */
const answers: Readonly<Record<string, GroupAnswer>> = {
  REBALANCE_IN_PROGRESS: 'rebalancing',
  UNKNOWN_MEMBER_ID: 'lost',
  ILLEGAL_GENERATION: 'lost',
  FENCED_INSTANCE_ID: 'lost',
  GROUP_LOAD_IN_PROGRESS: 'away',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'away',
  NOT_COORDINATOR_FOR_GROUP: 'away',
  INCONSISTENT_GROUP_PROTOCOL: 'refused',
  INVALID_GROUP_ID: 'refused',
  INVALID_SESSION_TIMEOUT: 'refused',
  GROUP_AUTHORIZATION_FAILED: 'refused',
  TOPIC_AUTHORIZATION_FAILED: 'refused',
  CLUSTER_AUTHORIZATION_FAILED: 'refused',
  SASL_AUTHENTICATION_FAILED: 'refused',
  UNSUPPORTED_SASL_MECHANISM: 'refused',
  KafkaJSSASLAuthenticationError: 'refused',
  GROUP_MAX_SIZE_REACHED: 'refused',
};

/** Undefined: not an error of Kafka's, and so a defect of ours. */
export function groupAnswerOf(error: unknown): GroupAnswer | undefined {
  for (const cause of causesOf(error)) {
    const known = answers[String((cause as { type?: unknown }).type)] ?? answers[cause.name];
    if (known !== undefined) return known;
  }
  const isKafka = causesOf(error).some(
    (cause) => cause instanceof LinkError || cause.name.startsWith('KafkaJS'),
  );
  return isKafka ? 'away' : undefined;
}

/** What `status` tells while the group cannot be had. */
export function groupUnavailable(
  groupId: string,
  answer: 'away' | 'refused',
  cause: unknown,
): StreamError {
  const text = errorText(causesOf(cause).at(-1) ?? cause);
  if (answer === 'away') {
    return new StreamError({
      code: STREAM_CODES.groupAway,
      message:
        `The coordinator of group ${groupId} does not answer (${text}). This process goes on ` +
        'with what it owns; partitions of processes that left meanwhile wait.',
      remedy: 'Look whether the Kafka brokers run and can be reached; it is tried again.',
      cause,
    });
  }
  return new StreamError({
    code: STREAM_CODES.groupRefused,
    message:
      `Kafka refuses this process in group ${groupId} (${text}). It gets no partitions; the log ` +
      'keeps all records for those who do.',
    remedy:
      'Look at the reason: the rights of this user to the group, the bounds of the broker for ' +
      'sessions and groups, or other programs in a group of this name. It is tried again.',
    cause,
  });
}

/** An error and what caused it, down to the first. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  let next = error;
  while (next instanceof Error && !causes.includes(next)) {
    causes.push(next);
    next = next.cause;
  }
  return causes;
}
