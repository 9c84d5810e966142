import { StoreError, StoreErrorCode } from '../../store-error.ts';

/** What an SQLSTATE means for the transaction in which it came up. */
type Meaning = 'row' | 'unreachable' | 'tls' | 'refused' | 'busy' | 'schema' | 'unknown';

/** Longest prefix first wins; see "PostgreSQL Error Codes" in its manual. */
const MEANINGS: readonly (readonly [prefix: string, meaning: Meaning])[] = [
  // Connection exceptions, shutdowns, crashes, starting up.
  ['08', 'unreachable'],
  ['57P', 'unreachable'],
  // Statement timeout or cancellation.
  ['57014', 'busy'],
  // Serialization failure, deadlock, lock timeout, object in use.
  ['40', 'busy'],
  ['55P03', 'busy'],
  ['55006', 'busy'],
  // Disk full, out of memory, too many connections.
  ['53', 'busy'],
  // I/O errors.
  ['58', 'busy'],
  // Read-only transaction: a standby, or the disk ran full and somebody protected it.
  ['25006', 'busy'],
  // Idle in transaction for too long.
  ['25P03', 'busy'],
  // Authentication, unknown database.
  ['28', 'refused'],
  ['3D', 'refused'],
  // Unknown schema, missing tables and rights; hypertables that are none (TimescaleDB).
  ['3F', 'schema'],
  ['42', 'schema'],
  ['TS', 'schema'],
  // Bad data: out of range, wrong encoding, constraints, too long for an index, triggers.
  ['22', 'row'],
  ['23', 'row'],
  ['44', 'row'],
  ['54000', 'row'],
  ['P0', 'row'],
];

/** What drivers and sockets say when there is nobody at the other end. */
const SOCKET_CODES: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'ECONNABORTED', 'EACCES'],
]);
const SOCKET_MESSAGES =
  /connection terminated|connection error|not queryable|timeout e|read timeout|server closed|timed out|Connection ended/i;

/** What the TLS library says of certificates and the driver of servers without them. */
const TLS =
  /^ERR_TLS|CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|does not support SSL|pg_hba\.conf.*encryption/;

/** The parts of a server's error that we look at. */
export interface SqlError extends Error {
  code?: string;
  routine?: string;
  constraint?: string;
  hint?: string;
  /** Counted in characters of the statement, from 1. */
  position?: string;
}

function meaningOf(error: unknown): Meaning {
  const { code, message } = error as SqlError;
  if (TLS.test(`${code ?? ''} ${message}`)) return 'tls';
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !SOCKET_CODES.has(code)) {
    const found = MEANINGS.filter(([prefix]) => code.startsWith(prefix));
    return found.sort((a, b) => b[0].length - a[0].length)[0]?.[1] ?? 'unknown';
  }
  if (code !== undefined && SOCKET_CODES.has(code)) return 'unreachable';
  return SOCKET_MESSAGES.test(message) ? 'unreachable' : 'unknown';
}

/** Whether some row of the statement can never be stored, and the rest perhaps can. */
export function isRowFault(error: unknown): boolean {
  return error instanceof Error && meaningOf(error) === 'row' && !isMissingPartition(error);
}

/** Whether a row has no partition: PostgreSQL calls it a violated check constraint. */
export function isMissingPartition(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, routine } = error as SqlError;
  return code === '23514' && routine === 'ExecFindPartition';
}

/** Whether there was nobody to ask, or nobody let in. */
export function isConnectionFault(error: unknown): boolean {
  return ['unreachable', 'tls', 'refused'].includes(meaningOf(error));
}

/** `SQLSTATE: message` for dead letters. */
export function rowFaultDetail(error: unknown): string {
  const { code, message, constraint } = error as SqlError;
  return `${code}: ${message}${constraint === undefined ? '' : ` (${constraint})`}`;
}

const LOG_KEEPS_IT = 'Nothing is lost: the log keeps it and it is applied again.';

/** Every error of the driver as a StoreError; ours pass unchanged. */
export function translateError(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = error as SqlError;
  const told = `${what}: ${code === undefined ? '' : `${code}: `}${message}. ${LOG_KEEPS_IT}`;
  const make = (
    storeCode: StoreErrorCode,
    kind: 'transient' | 'defect',
    remedy: string,
  ): StoreError => new StoreError({ code: storeCode, kind, message: told, remedy, cause: error });
  if (isMissingPartition(error)) {
    const remedy = 'It is made at the next attempt; if this repeats, look who drops partitions.';
    return make(StoreErrorCode.busy, 'transient', remedy);
  }
  switch (meaningOf(error)) {
    case 'unreachable':
      return make(
        StoreErrorCode.unreachable,
        'transient',
        'Start the database or mend the way to it; work goes on by itself.',
      );
    case 'tls':
      return make(
        StoreErrorCode.unreachable,
        'transient',
        'Mend the certificates, or sslmode in DATABASE_URL; work goes on by itself.',
      );
    case 'refused':
      return make(
        StoreErrorCode.schema,
        'transient',
        'Let the role in (pg_hba.conf), or correct user, password and database of DATABASE_URL.',
      );
    case 'busy':
      return make(
        StoreErrorCode.busy,
        'transient',
        'Free what it lacks (disk, memory, connections, locks); work goes on by itself.',
      );
    case 'schema':
      return make(
        StoreErrorCode.schema,
        'transient',
        'Run `millrace setup`, or give the role its rights; work goes on by itself.',
      );
    case 'row':
      return make(
        StoreErrorCode.refused,
        'defect',
        'Report this: refused rows should have been isolated.',
      );
    case 'unknown':
      return make(
        StoreErrorCode.unknown,
        'transient',
        'Read the log of the database; report this if it repeats.',
      );
  }
}
