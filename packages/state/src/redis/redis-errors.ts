import type { ErrorKind } from '@millrace/runtime';
import { STATE_CODES, StateError, type StateCode } from '../state-error.ts';

/** What Redis' answers mean, by how they begin; the first row that fits decides. */
export const REDIS_ERRORS: readonly (readonly [answer: RegExp, code: RedisStateCode])[] = [
  [/^LOADING /, STATE_CODES.busy],
  [/^BUSY /, STATE_CODES.busy],
  [/^(TRYAGAIN|CLUSTERDOWN|MASTERDOWN) /, STATE_CODES.busy],
  [/^NOSCRIPT /, STATE_CODES.busy],
  [/^ERR max number of clients/, STATE_CODES.busy],
  [/^(READONLY|NOREPLICAS) /, STATE_CODES.readOnly],
  [/^OOM /, STATE_CODES.full],
  [/^MISCONF /, STATE_CODES.io],
  [/^(NOAUTH|WRONGPASS|NOPERM|DENIED) /, STATE_CODES.unauthorized],
  [/^ERR (invalid password|AUTH |Client sent AUTH)/, STATE_CODES.unauthorized],
  [/^(MOVED|ASK|CROSSSLOT) /, STATE_CODES.badSettings],
  [/^ERR (DB index|SELECT is not allowed)/, STATE_CODES.badSettings],
  // Redis before 7 does not know the first line of our scripts.
  [/^ERR Error compiling script/, STATE_CODES.badSettings],
  [/^WRONGTYPE /, STATE_CODES.corrupt],
  [/^ERR Protocol error: (invalid|unauthenticated) (multi)?bulk length/, STATE_CODES.tooBig],
];

/** What ioredis and the system say when there is nobody at the other end. */
const CONNECTION_CODES = /^(E[A-Z_]+|ERR_(TLS|SSL|SOCKET)\w*|CERT_\w+|\w*SELF_SIGNED\w*)$/;
const CONNECTION_MESSAGES =
  /^(Connection is closed|Stream isn't writeable|Reached the max retries|Command aborted|connect )/;

/** What happens while there is no answer to translate. */
export class RedisSilence extends Error {}

type RedisStateCode = Exclude<
  StateCode,
  | typeof STATE_CODES.badKey
  | typeof STATE_CODES.broken
  | typeof STATE_CODES.closed
  | typeof STATE_CODES.forbidden
  | typeof STATE_CODES.lost
>;

/** Translates whatever ioredis, Redis or the system said; the only place that does. */
export function redisError(
  params: Readonly<{ error: unknown; where: string; doing: string }>,
): StateError {
  const { error, where, doing } = params;
  if (error instanceof StateError) return error;
  const code = codeOf(error);
  const { kind, consequence, remedy } = CONSEQUENCES[code];
  return new StateError({
    code,
    kind,
    message: `${doing} the state in ${where} failed (${textOf(error)}). ${consequence}`,
    remedy,
    cause: withoutArguments(error),
  });
}

/** Whether it is to be had again elsewhere: this server is a replica now. */
export function isReplicaAnswer(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('READONLY ');
}

/** What somebody said, also those who say it in their code alone. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

function codeOf(error: unknown): RedisStateCode {
  if (error instanceof RedisSilence) return STATE_CODES.unreachable;
  if (!(error instanceof Error)) return STATE_CODES.unknown;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && CONNECTION_CODES.test(code)) return STATE_CODES.unreachable;
  if (CONNECTION_MESSAGES.test(error.message)) return STATE_CODES.unreachable;
  return REDIS_ERRORS.find(([answer]) => answer.test(error.message))?.[1] ?? STATE_CODES.unknown;
}

/** ioredis puts the whole command on an answer's error: a commit's pages are in there. */
function withoutArguments(error: unknown): unknown {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}

interface Consequence {
  kind: ErrorKind;
  consequence: string;
  remedy: string;
}

const UNTOUCHED = 'The state is as it was and the log keeps every record; it is tried again.';

const CONSEQUENCES: Readonly<Record<RedisStateCode, Consequence>> = {
  [STATE_CODES.unreachable]: {
    kind: 'transient',
    consequence:
      'A commit under way may or may not have happened; nothing is counted twice or lost, ' +
      'because the log keeps every record. It is tried again.',
    remedy: 'Start Redis or mend the way to it; work goes on by itself.',
  },
  [STATE_CODES.busy]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Wait; if it lasts, look at the log of Redis (INFO, SLOWLOG, CLUSTER INFO).',
  },
  [STATE_CODES.readOnly]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Name the primary in REDIS_URL, or wait until the failover has ended.',
  },
  [STATE_CODES.full]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Give Redis more memory: raise maxmemory, or remove what is not needed.',
  },
  [STATE_CODES.io]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Redis cannot write to its disk: make room there, and read its log.',
  },
  [STATE_CODES.unauthorized]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy:
      'Correct the user and password in REDIS_URL, or let that user call EVAL, EVALSHA, HMGET, ' +
      'HLEN, HSET, HDEL, HSCAN and INFO on our keys; work goes on by itself.',
  },
  [STATE_CODES.badSettings]: {
    kind: 'permanent',
    consequence: 'Nothing was read or written.',
    remedy:
      'Name one Redis 7 or newer that holds all keys itself, and a database it has, in ' +
      'REDIS_URL; several nodes of a Redis Cluster cannot be used yet.',
  },
  [STATE_CODES.corrupt]: {
    kind: 'permanent',
    consequence: 'Nothing was counted from it; the log still has every record.',
    remedy:
      'Find out who else writes under this key prefix, then remove the key so that the state is ' +
      'computed from the log again.',
  },
  [STATE_CODES.tooBig]: {
    kind: 'permanent',
    consequence: 'The state is as it was and the log keeps every record.',
    remedy: 'Commit more often, or lower the bounds of what a partition remembers.',
  },
  [STATE_CODES.unknown]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Read the log of Redis; report this if it repeats.',
  },
};
