import { silentLog } from '@millrace/runtime';
import type { CompletionStore, PostgresConnection } from '@millrace/store';
import {
  createPostgresCompletionStore,
  createPostgresStoreReader,
  runQuery,
} from '@millrace/store/postgres';
import type { TestServer } from '@millrace/store/testing';
import { openMemoryStream, type MemoryLog } from '@millrace/stream/memory';
import { expect, test } from 'vitest';
import { checkCompleted, type CompletedCheck } from '../check-completed.ts';
import { COMPLETE_DEFAULTS } from '../complete-settings.ts';
import { complete } from './completed-log.ts';
import { expectedColumns, makeScene, withoutSigns } from './scene.ts';

const SHOWN = `
SELECT
  edition::text, encode(int8send(series_id), 'hex') AS series, marked, completed,
  extract(epoch FROM width)::float8 * 1e6 AS width,
  extract(epoch FROM start)::float8 * 1e6 AS start,
  count::float8, sum, min, max, first, last, increase,
  (extract(epoch FROM first_time) * 1000000)::float8 AS "firstTimeUs",
  (extract(epoch FROM last_time) * 1000000)::float8 AS "lastTimeUs",
  encode(histogram, 'hex') AS histogram, encode("distinct", 'hex') AS "distinct",
  cardinality((inputs).series_ids) AS inputs
FROM edition_windows`;

type Shown = Record<string, unknown> & {
  edition: string;
  series: string;
  width: number;
  start: number;
  marked: boolean;
  completed: boolean;
};

/** What people see of windows that were computed again, in a real database. */
export function describeCompleted(serverOf: () => TestServer): void {
  test('the database shows what the oracle says, and nothing as marked', async () => {
    const { connection, drop } = await serverOf().createDatabase();
    const store = serverOf().openStore({ connection, log: silentLog });
    const completion = createPostgresCompletionStore({ connection, log: silentLog });
    const shown = async (): Promise<Shown[]> => {
      const { columns, rows } = await runQuery(connection, SHOWN);
      return rows.map(
        (row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])) as Shown,
      );
    };
    try {
      const { live, records } = await makeScene(store, { seed: 3, partitions: 2, records: 250 });
      const before = await shown();
      const marked = before.filter((one) => one.marked).length;
      expect(marked).toBeGreaterThan(100);
      const report = await complete({ log: live.log, store: completion }, { windowsMax: 700 });
      expect(report).toMatchObject({ marked, completed: marked, notOver: 0, notCompletable: 0 });
      const after = await shown();
      expect(after.length).toBe(before.length);
      expect(after.filter((one) => one.marked)).toEqual([]);
      const completed = after.filter((one) => one.completed);
      // Beside them, windows in which counters go on.
      expect(completed.length).toBeGreaterThan(marked);
      const expectedOf = expectedColumns(records);
      expect(completed.map(columnsOf)).toEqual(
        completed.map(({ edition, series, width, start }) => {
          const columns = expectedOf(Number(edition), [edition, series, width, start].join(' '));
          const { inputs } = columns as { inputs: string | undefined };
          const count = inputs === undefined ? null : Number.parseInt(inputs.slice(2, 10), 16);
          return { ...withNulls(columns), inputs: count };
        }),
      );
      expect(await complete({ log: live.log, store: completion })).toMatchObject({ marked: 0 });
      await damagedIsFound({ connection, completion, log: live.log });
    } finally {
      await completion.close();
      await store.close();
      await drop();
    }
  });
}

/** Someone has changed rows, and nothing shows as marked: it is found, and can be made again. */
async function damagedIsFound(
  parts: Readonly<{ connection: PostgresConnection; completion: CompletionStore; log: MemoryLog }>,
): Promise<void> {
  const { connection, completion: store, log } = parts;
  const check = async (): Promise<CompletedCheck> => {
    const stream = openMemoryStream(log);
    const reader = createPostgresStoreReader({ connection });
    const snapshot = await reader.snapshot();
    const how = { isWanted: () => true, isNearCut: () => false };
    try {
      return await checkCompleted({ stream, store: snapshot, ...how }, COMPLETE_DEFAULTS);
    } finally {
      await snapshot.close();
      await reader.close();
      await stream.close();
    }
  };
  const sound = await check();
  expect(sound).toMatchObject({ faults: [], reasons: [], changedBefore: 0, notOver: 0 });
  expect(sound.compared).toBeGreaterThan(100);
  await runQuery(
    connection,
    `UPDATE windows_complete SET sum = sum + 1 WHERE ctid = ANY (
       ARRAY(SELECT ctid FROM windows_complete WHERE sum > 0 LIMIT 3)) RETURNING 1`,
    { write: true },
  );
  await runQuery(
    connection,
    `DELETE FROM windows_complete AS whole WHERE abs(whole.increase - (
       SELECT sum(piece.increase) FROM windows AS piece
       WHERE piece.edition = whole.edition AND piece.series_id = whole.series_id
         AND piece.width = whole.width AND piece.start = whole.start
       HAVING NOT bool_or(piece.marked)
     )) > 0.01 RETURNING 1`,
    { write: true },
  );
  const damaged = await check();
  expect(damaged.counts.differs).toBe(3);
  expect(damaged.counts.gone).toBeGreaterThan(0);
  expect(await complete({ log, store })).toMatchObject({ marked: 0 });
  expect(await complete({ log, store }, { isAgain: true })).toMatchObject({ notCompletable: 0 });
  expect(await check()).toMatchObject({ faults: [], reasons: [] });
}

function columnsOf(row: Shown): Record<string, unknown> {
  const { edition: _e, series: _s, width: _w, start: _t, marked: _m, completed: _c, ...rest } = row;
  return withoutSigns(rest);
}

/** As a query gives them out: numbers that JSON lacks by their names. */
function withNulls(columns: Record<string, unknown>): Record<string, unknown> {
  const shown = (one: unknown): unknown =>
    typeof one === 'number' && !Number.isFinite(one) ? String(one) : (one ?? null);
  return Object.fromEntries(Object.entries(columns).map(([name, one]) => [name, shown(one)]));
}
