import type { RetainedRows } from '../../retention/plan-retention.ts';
import { timeParameter } from '../connection/array-parameters.ts';
import { isForAll, noteExpired, ofWhom, sweepOnce } from './delete-past-retention.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { transaction } from '../connection/session.ts';
import type { StoredRange } from '../layout/storage-layout.ts';

/** A day of so many series, of a sample a second each, is about a million rows. */
const SERIES_MAX = 10;
const FIRST_SERIES = '-9223372036854775808';
const WHAT = 'Rows past their retention could not be deleted';

/**
 * As `sweepRange`, for a range whose rows lie in columns, by series: some series at a time, each in
 * a transaction that notes what it deleted. Whoever has rows there has series that are defined.
 * Windows, which somebody else may have turned into columns, stay until their range can be dropped:
 * by series alone those of other widths and editions would go as well.
 */
export async function deleteSeriesPast(
  pool: PostgresPool,
  range: StoredRange & Readonly<{ parent: string }>,
  rows: readonly RetainedRows[],
): Promise<number> {
  const named = rows.flatMap(({ whose }) => whose ?? []);
  return await sweepOnce(pool, range, rows, async () => {
    let deleted = 0;
    for (const { whose, cutUs, widthUs } of rows) {
      if (widthUs !== undefined) continue;
      const beforeUs = Math.min(cutUs, range.untilUs);
      if (beforeUs <= range.fromUs) continue;
      for (let after = FIRST_SERIES; ;) {
        const series = await pool.use(WHAT, async (session) => {
          const wanted = [after, whose ?? null, named, SERIES_MAX];
          return (await session.run<{ series_id: string }>('read-series-of', wanted)).rows;
        });
        if (series.length === 0) break;
        after = series.at(-1)!.series_id;
        const ids = series.map((one) => one.series_id);
        const gone = await deleteRows(pool, { range, ids, rows, whose, beforeUs });
        if (gone === undefined) return undefined;
        deleted += gone;
      }
    }
    return deleted;
  });
}

async function deleteRows(
  pool: PostgresPool,
  params: Readonly<{
    range: StoredRange & Readonly<{ parent: string }>;
    ids: readonly string[];
    rows: readonly RetainedRows[];
    whose: string | undefined;
    beforeUs: number;
  }>,
): Promise<number | undefined> {
  const { range, ids, whose, beforeUs } = params;
  const { parent, timeColumn, table, fromUs } = range;
  return await pool.use(WHAT, (session) =>
    transaction(session, async () => {
      if (!(await isForAll(session, params.rows))) return undefined;
      // Where a batch of a column holds rows of other times as well, it is taken apart.
      await session.command(
        'SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0',
      );
      const bounds = [timeParameter(fromUs), timeParameter(beforeUs)];
      const { rows } = await session.run<{ deleted: number }>('delete-series-rows', [
        ...[parent, timeColumn, ids],
        ...bounds,
      ]);
      const { deleted } = rows[0]!;
      if (deleted > 0) await noteExpired(session, { table, ...ofWhom(whose), beforeUs });
      return deleted;
    }),
  );
}
