import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';

/**
 * `postgres://user:password@host:port/database?sslmode=require` as the driver's settings. `sslmode`
 * means what it means to PostgreSQL's own clients, which the driver's reading of it does not:
 * `disable`, `require`, `verify-ca`, `verify-full`, with `sslrootcert`, `sslcert` and `sslkey` as
 * paths. Of other parameters `options`, `application_name` and `host` (a socket's directory)
 * count. Throws STORE_URL; neither that nor its cause shows the password.
 */
export function parseUrl(text: string): pg.ClientConfig {
  // A URL that cannot be parsed is in the error of whoever tries, so that error is not kept.
  if (!URL.canParse(text)) throw unusable('it is none, or has a character that must be escaped');
  const url = new URL(text);
  if (!/^postgres(ql)?:$/.test(url.protocol)) {
    throw unusable('it does not begin with postgres:// or postgresql://');
  }
  const { searchParams } = url;
  const place = {
    host: searchParams.get('host') ?? unescaped(url.hostname.replace(/^\[(.+)\]$/, '$1')),
    port: url.port === '' ? undefined : Number(url.port),
    user: unescaped(url.username),
    password: unescaped(url.password),
    database: unescaped(url.pathname.slice(1)),
    options: searchParams.get('options') ?? '',
    application_name: searchParams.get('application_name') ?? '',
    ssl: tlsOptions(searchParams),
  };
  // What is not there is left to PGHOST and the like, and to the driver's defaults.
  return Object.fromEntries(
    Object.entries(place).filter(([, value]) => value !== '' && value !== undefined),
  );
}

/** Whom a connection goes to, for people: never with a password. */
export function describeConnection(connection: PostgresConnection): string {
  const { host, port, user, database } =
    'url' in connection ? parseUrl(connection.url) : connection;
  const at = `${host ?? 'localhost'}:${port ?? 5432}`;
  return `database ${database ?? user ?? ''} at ${at}${user === undefined ? '' : ` as ${user}`}`;
}

function tlsOptions(parameters: URLSearchParams): ConnectionOptions | boolean | undefined {
  const mode = parameters.get('sslmode');
  if (mode === null) return undefined;
  if (mode === 'disable') return false;
  const files = {
    ca: fileOf(parameters, 'sslrootcert'),
    cert: fileOf(parameters, 'sslcert'),
    key: fileOf(parameters, 'sslkey'),
  };
  const given = Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined));
  const anyName = { checkServerIdentity: () => undefined };
  switch (mode) {
    case 'require':
      // With a certificate of the authority at hand it is the same as verify-ca.
      return { ...given, ...(files.ca === undefined ? { rejectUnauthorized: false } : anyName) };
    case 'verify-ca':
      if (files.ca === undefined) throw unusable('sslmode=verify-ca needs sslrootcert');
      return { ...given, ...anyName };
    case 'verify-full':
      return given;
    default:
      throw unusable(`sslmode=${mode} is none of disable, require, verify-ca and verify-full`);
  }
}

function fileOf(parameters: URLSearchParams, name: string): string | undefined {
  const path = parameters.get(name);
  if (path === null) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(`${name} cannot be read (${(error as Error).message})`);
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable('a percent sign in it is followed by no two hexadecimal digits');
  }
}

function unusable(why: string): StoreError {
  return new StoreError({
    code: StoreErrorCode.url,
    kind: 'permanent',
    message: `The URL of the database cannot be used: ${why}. Nothing was sent to anybody.`,
    remedy:
      'Write it as postgres://user:password@host:5432/database?sslmode=require, with %23 for #, ' +
      '%2F for /, %3A for :, %40 for @ and %25 for % in the password.',
  });
}
