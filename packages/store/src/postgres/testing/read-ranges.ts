import type { PostgresConnection } from '../../postgres-connection.ts';
import type { LayoutName } from '../layout/storage-layout.ts';
import { runQuery } from '../connection/run-query.ts';

/** A native partition or a chunk. */
export interface NamedRange {
  name: string;
  table: string;
  /** The first day: `2026-03-01`. */
  from: string;
}

const RANGES: Readonly<Record<LayoutName, string>> = {
  partitions: 'SELECT name, parent, from_time::date::text FROM store_partitions',
  hypertables: `SELECT format('%I.%I', chunk_schema, chunk_name), hypertable_name::text,
    range_start::date::text FROM timescaledb_information.chunks`,
};

export async function readRanges(
  { layout }: Readonly<{ layout: LayoutName }>,
  connection: PostgresConnection,
): Promise<NamedRange[]> {
  const { rows } = await runQuery(connection, `${RANGES[layout]} ORDER BY 2, 3`);
  return (rows as string[][]).map(([name, table, from]) => ({
    name: name!,
    table: table!,
    from: from!,
  }));
}
