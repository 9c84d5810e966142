import type { Address, Piece } from '@millrace/model';
import { silentLog } from '@millrace/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addressOf, batchOf, keyOf, pieceOf } from '../../testing/entries.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import type { TestDatabase } from '../../testing/test-server.ts';
import { runQuery } from '../connection/run-query.ts';

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

it('final pieces of windows that have no open ones are not looked for one by one', async () => {
  const database = await postgres.createDatabase();
  const run = async (text: string) =>
    (await runQuery(database.connection, text, { write: true })).rows;
  const scans = async (): Promise<number> => {
    const [row] = await run(
      "SELECT idx_scan::integer FROM pg_stat_user_tables WHERE relname = 'windows_open'",
    );
    return Number(row![0]);
  };
  /** How often the indexes were looked at while these became final. */
  const looked = async (partition: number, finals: Piece[]): Promise<number> => {
    const store = postgres.openStore({ connection: database.connection, log: silentLog });
    const before = await scans();
    const key = { partition };
    await store.openMark(keyOf(key));
    await store.apply(batchOf({ to: addressOf(1), key }, { finals }));
    await store.close();
    let after = before;
    for (let look = 0; look < LOOKS_MAX && after === before; look += 1) after = await scans();
    return after - before;
  };
  const store = postgres.openStore({ connection: database.connection, log: silentLog });
  const open = [pieceOf({ piece: 1 })];
  const key = { partition: 5 };
  await store.openMark(keyOf(key));
  await store.apply(batchOf({ to: addressOf(1), key }, { open }));
  await store.close();
  const laterUs = open[0]!.startUs + open[0]!.widthUs;
  expect(
    await looked(
      1,
      many(1).map((piece) => ({ ...piece, startUs: laterUs })),
    ),
  ).toBeLessThan(20);
  expect(await looked(2, many(2))).toBeGreaterThan(many(2).length);
  // Of very many windows they are: not even their number is bounded.
  const past = many(3).map((piece, i) => ({ ...piece, startUs: laterUs + i * piece.widthUs }));
  expect(await looked(3, past)).toBeGreaterThan(past.length);
  await database.drop();
}, 60_000);

describe('very many open pieces', () => {
  let database: TestDatabase;
  const run = (text: string) => runQuery(database.connection, text, { write: true });
  beforeEach(async () => {
    database = await postgres.createDatabase();
    // Notes each table that is made.
    await run('CREATE TABLE made (table_name text)');
    await run(
      `CREATE FUNCTION note_made() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO made SELECT object_identity FROM pg_event_trigger_ddl_commands(); END $$`,
    );
    await run(
      `CREATE EVENT TRIGGER note ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS')
       EXECUTE FUNCTION note_made()`,
    );
  });
  afterEach(() => database.drop());

  it.each([
    ['lie in a table until they are merged', '', ['pg_temp.open_pieces']],
    [
      'are parameters where a role may make no table',
      'REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, millrace',
      [],
    ],
  ])('%s', async (_, before, made) => {
    const user = `writer_${made.length}`;
    await run(
      `DO $$ BEGIN
         CREATE ROLE ${user} LOGIN;
         -- As the owner of the schema, and no superuser.
         GRANT millrace TO ${user};
         EXECUTE format('${before}', current_database());
       END $$`,
    );
    const connection = { ...(database.connection as { database: string }), user };
    const store = postgres.openStore({
      connection: connection as PostgresConnection,
      log: silentLog,
    });
    const key = { partition: 5 };
    await store.openMark(keyOf(key));
    // A few are not worth it.
    await store.apply(batchOf({ to: addressOf(1), key }, { open: many(1) }));
    const open = [...many(1), ...many(2)].map((piece) => ({ ...piece, count: 5 }));
    const result = await store.apply(
      batchOf({ from: addressOf(1), to: addressOf(2), key }, { open }),
    );
    expect(result).toMatchObject({ outcome: 'applied', deadLetters: 0 });
    await store.close();
    const { rows } = await run('SELECT count(*)::integer FROM windows_open WHERE count = 5');
    expect(rows).toEqual([[open.length]]);
    expect((await run('SELECT table_name FROM made')).rows).toEqual(made.map((name) => [name]));
  });
});

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
