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

/** What a plan that was run says of each of its nodes. */
interface PlanNode {
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** What a query for a row of each window reads of the open ones, and by which index. */
async function readOfOpen(view: string, filter: string) {
  const [row] = await sql(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON)
     SELECT sum FROM ${view} WHERE width = '1 hour' AND ${filter}`,
  );
  const [{ Plan: root }] = row![0] as [{ Plan: PlanNode }];
  const scans = nodesOf(root).filter((node) => node['Relation Name'] === 'windows_open');
  const sum = (of: (node: PlanNode) => number) => scans.reduce((all, node) => all + of(node), 0);
  return {
    runs: sum((node) => node['Actual Loops']),
    rows: sum(
      (node) =>
        (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    ),
    blocks: sum((node) => node['Shared Hit Blocks'] + node['Shared Read Blocks']),
    indexes: scans.map((node) => node['Index Name']),
  };
}

it.each(['series_windows', 'edition_windows'])(
  'whoever asks %s for another time reads nothing of what is open',
  async (view) => {
    await sql('TRUNCATE windows_open, editions, served');
    await sql(
      `INSERT INTO editions (edition, rule, definition, widths, aggregates)
       VALUES (1, 'others', '{}', '{1 hour}', '{sum}')`,
    );
    await sql("INSERT INTO served VALUES ('others', '(,)', 1)");
    await putOthers();
    await sql('ANALYZE windows_open, editions, served');
    // Whoever asks for their time reads them: so that it is known to be looked at.
    const all = await readOfOpen(view, "start >= '2026-11-29 12:00Z'");
    expect(all.rows).toBeGreaterThanOrEqual(OTHERS);
    const none = await readOfOpen(view, "start < '2026-11-29 12:00Z'");
    expect(none).toMatchObject({ rows: 0, indexes: ['windows_open_start'] });
    expect(none.runs).toBeGreaterThan(0);
    // An index that is read from end to end finds no rows either.
    expect(none.blocks).toBeLessThan(10);
  },
);
