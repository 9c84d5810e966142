import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { clientConfig } from './client-config.ts';
import { isConnectionFault, translateError, type SqlError } from './postgres-errors.ts';
import { statementRemedy } from './statement-remedy.ts';

/** Values as they can be printed, and as JSON holds them without loss. */
export type QueryValue = null | boolean | number | string | readonly unknown[] | object;

export interface QueryResult {
  columns: string[];
  rows: QueryValue[][];
  /** What the server calls it: `SELECT`, `UPDATE`, … */
  command: string;
  /** Rows returned or changed. */
  count: number;
  /** There were more rows than asked for; the rest was not read. */
  truncated: boolean;
}

export interface RunQuerySettings {
  /** Allow changes. Otherwise the transaction is read-only and rolled back. */
  write: boolean;
  rowsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
}

export const RUN_QUERY_DEFAULTS: RunQuerySettings = {
  write: false,
  rowsMax: 100_000,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 300_000,
};

/** The server looks this often whether the person who asked is still there. */
const GONE_CHECK_MS = 1000;

/**
 * Runs one statement for a person. A permanent StoreError STORE_QUERY tells what the server said of
 * it and where in its text.
 */
export async function runQuery(
  connection: PostgresConnection,
  sql: string,
  settings: Partial<RunQuerySettings> = {},
): Promise<QueryResult> {
  const all = { ...RUN_QUERY_DEFAULTS, ...settings };
  const client = new pg.Client({
    ...clientConfig(connection, { ...all, lockTimeoutMs: all.statementTimeoutMs }),
    types: { getTypeParser: (oid: number) => parserOf(oid) },
  });
  // A break shows in the statement under way; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`BEGIN${all.write ? '' : ' READ ONLY'}; SAVEPOINT gone`);
    await lookForGone(client);
    // No log has what a person changes: told as done, it must survive a crash.
    if (all.write) await client.query('SET LOCAL synchronous_commit = on');
    const result = await collect(client, sql, all);
    if (all.write) await client.query('COMMIT');
    return result;
  } catch (error) {
    if (isConnectionFault(error)) throw translateError(error, 'The query was not run');
    throw queryError(error, sql);
  } finally {
    await client.end();
  }
}

/**
 * Of whoever lost patience the statement ends too, and not only when it has rows to send. Where the
 * server cannot look, as on Windows, it goes on for as long as its time limit lets it.
 */
async function lookForGone(client: pg.Client): Promise<void> {
  const set = `SET LOCAL client_connection_check_interval = ${GONE_CHECK_MS}`;
  try {
    await client.query(`${set}; RELEASE SAVEPOINT gone`);
  } catch (error) {
    if (!CANNOT_LOOK.has((error as SqlError).code ?? '')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT gone; RELEASE SAVEPOINT gone');
  }
}

/** A value that this server does not take, or a setting that it does not know. */
const CANNOT_LOOK: ReadonlySet<string> = new Set(['22023', '42704']);

/** One statement only: the extended protocol refuses several, so none can leave the transaction. */
function collect(client: pg.Client, sql: string, settings: RunQuerySettings): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const rows: QueryValue[][] = [];
    let columns: string[] = [];
    const config: pg.QueryArrayConfig & { queryMode: 'extended' } = {
      text: sql,
      rowMode: 'array',
      queryMode: 'extended',
    };
    const query = new pg.Query<QueryValue[]>(config);
    let truncated = false;
    query.on('row', (row, result) => {
      columns = namesOf(result);
      if (rows.length < settings.rowsMax) rows.push(row);
      else truncated = true;
      // The rest may be endless. What changes something has to be read to its end.
      if (!truncated || settings.write) return;
      resolve({ columns, rows, command: 'SELECT', count: rows.length, truncated });
      client.connection.stream.destroy();
    });
    // As a callback: with a time limit set, the driver tells errors nowhere else.
    const done = (error: Error | null, result?: pg.QueryResult): void => {
      if (error !== null || result === undefined) return reject(error ?? new Error('no result'));
      const { command, rowCount } = result;
      resolve({ columns: namesOf(result), rows, command, count: rowCount ?? 0, truncated });
    };
    client.query(Object.assign(query, { callback: done }));
  });
}

function namesOf(result: pg.ResultBuilder | pg.QueryResult | undefined): string[] {
  return result?.fields.map((field) => field.name) ?? [];
}

const OID = { bool: 16, int8: 20, int2: 21, int4: 23, oid: 26, json: 114, jsonb: 3802 } as const;
const FLOAT_OIDS: readonly number[] = [700, 701];
const TIME_OIDS: readonly number[] = [1114, 1184];

/** Texts of the server as values; what is not listed stays a text. */
function parserOf(oid: number): (text: string) => QueryValue {
  if (oid === OID.bool) return (text) => text === 't';
  if (oid === OID.int2 || oid === OID.int4 || oid === OID.oid) return Number;
  if (oid === OID.int8) return wholeNumber;
  if (FLOAT_OIDS.includes(oid)) return floatNumber;
  if (TIME_OIDS.includes(oid)) return timestamp;
  if (oid === OID.json || oid === OID.jsonb) return (text) => JSON.parse(text) as QueryValue;
  return (text) => text;
}

/** A number where that is exact; the digits where it is not, as with most series ids. */
function wholeNumber(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** NaN and the infinities as their names: JSON has no numbers for them. */
function floatNumber(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

/** RFC 3339 with all digits the server has; `infinity` stays as it is. */
function timestamp(text: string): string {
  return text.replace(/^(\S+) (\S+?)(?:\+00)?$/, (_, day: string, time: string) =>
    text.endsWith('+00') ? `${day}T${time}Z` : `${day}T${time}`,
  );
}

function queryError(error: unknown, sql: string): StoreError {
  const { code, message, position } = error as SqlError;
  const line = position === undefined ? '' : ` at ${placeIn(sql, Number(position))}`;
  return new StoreError({
    code: StoreErrorCode.query,
    kind: 'permanent',
    message: `${code === undefined ? '' : `${code}: `}${message}${line}. Nothing was changed.`,
    remedy: statementRemedy(error as SqlError, sql),
    cause: error,
  });
}

function placeIn(sql: string, position: number): string {
  const before = sql.slice(0, position - 1).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
