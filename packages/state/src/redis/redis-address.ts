import type { RedisOptions } from 'ioredis';
import { STATE_CODES, StateError } from '../state-error.ts';

/** Where a Redis is, and how it is told to people. */
export interface RedisAddress {
  readonly options: Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>;
  /** Without user and password. */
  readonly text: string;
}

const USUAL_PORT = 6379;

/**
 * Reads `redis[s]://[[user]:password@]host[:port][/database]`.
 *
 * @throws StateError STATE_BAD_SETTINGS, without the password
 */
export function readRedisUrl(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const database = /^\/?(\d*)$/.exec(parsed?.pathname ?? '')?.[1];
  const isUsable =
    parsed !== undefined &&
    /^rediss?:$/.test(parsed.protocol) &&
    parsed.hostname !== '' &&
    parsed.search === '' &&
    database !== undefined;
  if (!isUsable) {
    throw badRedisSettings({
      detail: 'The address of Redis cannot be used',
      remedy:
        'REDIS_URL is redis://[[user]:password@]host[:port][/database], or rediss:// for TLS.',
    });
  }
  const { protocol, hostname, username, password } = parsed;
  const port = parsed.port === '' ? USUAL_PORT : Number(parsed.port);
  return {
    options: {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      db: database === '' ? 0 : Number(database),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
    text: `${protocol}//${hostname}:${port}${database === '' ? '' : `/${database}`}`,
  };
}

const KEY_PREFIX_BYTES_MAX = 128;

/**
 * Braces would name another part of the key as the one that decides its node.
 *
 * @throws StateError STATE_BAD_SETTINGS
 */
export function checkKeyPrefix(keyPrefix: string): void {
  const bytes = Buffer.byteLength(keyPrefix);
  if (bytes > 0 && bytes <= KEY_PREFIX_BYTES_MAX && !/[{}\s]/.test(keyPrefix)) return;
  throw badRedisSettings({
    detail: `The key prefix "${keyPrefix.slice(0, 40)}" cannot be used`,
    remedy: `Choose one of 1 to ${KEY_PREFIX_BYTES_MAX} bytes without braces and blanks.`,
  });
}

function badRedisSettings(params: Readonly<{ detail: string; remedy: string }>): StateError {
  return new StateError({
    code: STATE_CODES.badSettings,
    kind: 'permanent',
    message: `${params.detail}. Nothing was opened.`,
    remedy: params.remedy,
  });
}
