import type { Address } from '@millrace/model';
import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addressOf, batchOf, keyOf, pieceOf } from '../testing/entries.ts';
import { startTestPostgres, type TestPostgres } from '../testing/test-postgres.ts';
import { runQuery } from './run-query.ts';

const OTHERS = 20_000;
const LOOKS_MAX = 200;
/** Pieces of one transaction that were never put out as open ones. */
const many = (life: number) =>
  Array.from({ length: 3000 }, (_, i) => pieceOf({ piece: 10_000 * life + i }));

let postgres: TestPostgres;
const sql = async (text: string) =>
  (await runQuery(postgres.connection, text, { write: true })).rows;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

/** What a backlog leaves, for as long as its pieces wait for samples that are late. */
const putOthers = () =>
  sql(
    `INSERT INTO windows_open (edition, series_id, width, start, partition, piece, count, marked)
     SELECT 1, id, '1 hour', '2026-11-29 12:00Z', 0, 1, 1, false
     FROM generate_series(1, ${OTHERS}) AS id`,
  );

it('final pieces do not read what else is open, however it was planned before', async () => {
  const { connection } = postgres;
  const store = postgres.openStore({ connection, log: silentLog });
  const rowsRead = async (): Promise<number> => {
    const [row] = await sql(
      `SELECT (seq_tup_read + idx_tup_fetch)::integer FROM pg_stat_user_tables
       WHERE relname = 'windows_open'`,
    );
    return Number(row![0]);
  };
  let mark = 0;
  const span = (): { from: Address; to: Address } => {
    mark += 1;
    return { from: addressOf(mark - 1), to: addressOf(mark) };
  };
  await store.openMark(keyOf());
  // A plan that is kept is made by then, for a table that has no pages.
  for (let i = 0; i < 8; i += 1) {
    await store.apply(batchOf(span(), { finals: many(100 + i) }));
  }
  await putOthers();
  const before = await rowsRead();
  await store.apply(batchOf(span(), { open: [pieceOf()] }));
  await store.apply(batchOf(span(), { finals: [...many(7), pieceOf()] }));
  // Statistics of a connection are told when it ends.
  await store.close();
  let read = before;
  for (let look = 0; look < LOOKS_MAX && read === before; look += 1) read = await rowsRead();
  expect(read - before).toBeGreaterThan(0);
  expect(read - before).toBeLessThan(100);
  expect(await sql('SELECT count(*)::integer FROM windows_open')).toEqual([[OTHERS]]);
}, 60_000);

it('whoever asks for another time reads nothing of what is open', async () => {
  await sql('TRUNCATE windows_open');
  await putOthers();
  await sql('ANALYZE windows_open');
  for (const view of ['series_windows', 'edition_windows']) {
    const plan = await sql(
      `EXPLAIN (ANALYZE, TIMING off)
       SELECT sum FROM ${view} WHERE width = '1 hour' AND start < '2026-11-29 12:00Z'`,
    );
    const text = plan.map(([line]) => line as string).join('\n');
    expect(text).toContain('windows_open_start');
    expect(text).not.toContain('Seq Scan on windows_open');
  }
});
