import type { LedgerTotals } from '@millrace/model';
import type { PostgresConnection } from '../../postgres-connection.ts';
import type { ContentPiece, LedgerReason, StoreContents } from '../../testing/store-contents.ts';
import { runQuery, type QueryValue } from '../connection/run-query.ts';

/** Reads everything back by SQL, in the form in which stores are compared. */
export async function readContents(connection: PostgresConnection): Promise<StoreContents> {
  const read = (sql: string) => readObjects(connection, sql);
  const pieces = async (table: string): Promise<ContentPiece[]> =>
    (await read(piecesSql(table))).map((row) => contentPiece(row));
  return {
    samples: (
      await read(
        `SELECT ${ID}, ${us('time')} AS "timeUs", value, unverified
         FROM samples ORDER BY samples.series_id, time, value`,
      )
    ).map((row) => ({
      seriesId: row['seriesId'] as string,
      timeUs: Number(row['timeUs']),
      value: number(row['value']),
      unverified: row['unverified'] as boolean,
    })),
    histograms: (await read(
      `SELECT ${ID}, ${us('time')} AS "timeUs", coalesce(encode(histogram, 'hex'), '') AS histogram,
         unverified
       FROM histograms ORDER BY histograms.series_id, time`,
    )) as unknown as StoreContents['histograms'],
    exemplars: (await read('SELECT count(*) AS n FROM exemplars'))[0]!['n'] as number,
    definitions: (await read(
      `SELECT ${ID}, tenant, metric, labels, kind FROM series ORDER BY 1`,
    )) as unknown as StoreContents['definitions'],
    metadata: (await read(
      'SELECT tenant, metric, type, unit, help FROM metadata ORDER BY 1, 2',
    )) as unknown as StoreContents['metadata'],
    open: await pieces('windows_open'),
    finals: await pieces('windows'),
    unverified: (
      await read(`SELECT tenant, ${us('time')} AS "timeUs", value FROM unverified ORDER BY time`)
    ).map((row) => ({
      tenant: row['tenant'] as string,
      timeUs: Number(row['timeUs']),
      value: number(row['value']),
    })),
    deadLetters: (await read(
      'SELECT tenant, reason, detail FROM dead_letters ORDER BY id',
    )) as unknown as StoreContents['deadLetters'],
    editions: (await read(
      `SELECT edition, rule, to_jsonb(aggregates) AS aggregates, to_jsonb(ARRAY(
           SELECT (extract(epoch FROM width) * 1000000)::bigint FROM unnest(widths) AS width
         )) AS "widthsUs"
       FROM editions ORDER BY edition`,
    )) as unknown as StoreContents['editions'],
    served: (await read(
      'SELECT rule, edition FROM served ORDER BY rule',
    )) as unknown as StoreContents['served'],
    watermarks: (await read(
      `SELECT partition, position, ${us('watermark')} AS "watermarkUs"
       FROM positions WHERE watermark IS NOT NULL ORDER BY partition`,
    )) as unknown as StoreContents['watermarks'],
  };
}

export async function readLedger(
  connection: PostgresConnection,
  partition: number,
): Promise<LedgerTotals[]> {
  return (await readObjects(
    connection,
    `SELECT tenant, accepted, stored, duplicate, conflict, dropped, unverified,
       dead_letter AS "deadLetter", lost
     FROM ledger WHERE partition = ${partition} ORDER BY tenant`,
  )) as unknown as LedgerTotals[];
}

export async function readReasons(
  connection: PostgresConnection,
  partition: number,
): Promise<LedgerReason[]> {
  return (await readObjects(
    connection,
    `SELECT tenant, disposition, reason, samples FROM ledger_reasons
     WHERE partition = ${partition} ORDER BY tenant, disposition, reason COLLATE "C"`,
  )) as unknown as LedgerReason[];
}

const ID = `encode(int8send(series_id), 'hex') AS "seriesId"`;

function us(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000000)::bigint`;
}

function piecesSql(table: string): string {
  return `
    SELECT ${ID}, edition, ${us('width')} AS "widthUs", ${us('start')} AS "startUs", partition,
      piece, count, sum, min, max, first, ${us('first_time')} AS "firstTimeUs",
      last, ${us('last_time')} AS "lastTimeUs", increase, marked,
      encode(histogram, 'hex') AS histogram, encode("distinct", 'hex') AS "distinct",
      (SELECT '01' || encode(int4send(cardinality((inputs).series_ids)), 'hex') || string_agg(
          encode(int8send(id), 'hex') ||
          encode(float8send((extract(epoch FROM time) * 1000000)::float8), 'hex') ||
          encode(float8send(value), 'hex'), '' ORDER BY place)
        FROM unnest((inputs).series_ids, (inputs).times, (inputs)."values")
          WITH ORDINALITY AS input(id, time, value, place)
        WHERE inputs IS NOT NULL) AS inputs
    FROM ${table} ORDER BY width, start, partition, piece`;
}

const NUMBERS = ['sum', 'min', 'max', 'first', 'firstTimeUs', 'last', 'lastTimeUs', 'increase'];

function contentPiece(row: Record<string, QueryValue>): ContentPiece {
  const piece: Record<string, unknown> = { ...row };
  for (const name of NUMBERS) piece[name] = number(row[name]);
  for (const name of ['histogram', 'distinct', 'inputs']) piece[name] = row[name] ?? undefined;
  return piece as unknown as ContentPiece;
}

/** NaN and the infinities come as their names. */
function number(value: QueryValue | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

async function readObjects(
  connection: PostgresConnection,
  sql: string,
): Promise<Record<string, QueryValue>[]> {
  const { columns, rows } = await runQuery(connection, sql, { rowsMax: Infinity });
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]!])));
}
