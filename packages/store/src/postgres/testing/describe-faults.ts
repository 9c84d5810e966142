import { silentLog } from '@millrace/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
  TENANT,
  totalsOf,
} from '../../testing/entries.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { listDeadLetters } from '../read/dead-letters.ts';
import { runQuery } from '../connection/run-query.ts';
import { readContents, readLedger, readReasons } from './postgres-contents.ts';
import { readRanges } from './read-ranges.ts';

/** What a store does when something is wrong with a row or with the database. */
export function describeFaults(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: when something is wrong`, () => {
    const UP = seriesOf('up');

    describe('a store', () => {
      let postgres: TestServer;
      let database: TestDatabase;
      let store: PostgresStore;

      beforeAll(async () => {
        postgres = await start();
      });
      afterAll(() => postgres.stop());
      beforeEach(async () => {
        database = await postgres.createDatabase();
        store = postgres.openStore({ connection: database.connection, log: silentLog });
        await store.openMark(keyOf());
      });
      afterEach(async () => {
        await store.close();
        await database.drop();
      });
      const sql = (text: string) => runQuery(database.connection, text, { write: true });
      const letters = async (): Promise<string[][]> =>
        (
          await runQuery(
            database.connection,
            `SELECT entry, tenant, reason, left(detail, 5) AS state, convert_from(payload, 'UTF8')
         FROM dead_letters ORDER BY id`,
          )
        ).rows as string[][];
      const markAt = async () => (await store.marks(0)).get('live')?.mark;

      it('isolates rows that a foreign constraint refuses, and stores the others', async () => {
        await sql('ALTER TABLE samples_head ADD CONSTRAINT sane CHECK (value <> 42)');
        const samples = Array.from({ length: 1000 }, (_, i) => ({
          series: UP,
          timeUs: NOON_US + i * SECOND_US,
          value: i === 17 || i === 42 || i === 999 ? 42 : 1,
          unverified: i === 17,
        }));
        const ledger = [
          {
            totals: [totalsOf({ accepted: 1000, stored: 999, unverified: 1 })],
            partitionTimeUs: NOON_US,
            watermarkUs: NOON_US,
            position: 1,
          },
        ];
        const result = await store.apply(
          batchOf(
            { to: addressOf(1) },
            { definitions: [definitionOf('up')], samples: samplesOf(samples), ledger },
          ),
        );
        expect(result).toEqual({
          outcome: 'applied',
          deadLetters: 3,
          deadLettersBy: { store_refused: 3 },
          unverifiedDuplicates: 0,
        });
        expect((await readContents(database.connection)).samples).toHaveLength(997);
        expect((await letters()).map((row) => row.slice(0, 4))).toEqual(
          [1, 2, 3].map(() => ['sample', TENANT, 'store_refused', '23514']),
        );
        expect(await readLedger(database.connection, 0)).toEqual([
          totalsOf({ accepted: 1000, stored: 997, deadLetter: 3 }),
        ]);
        const dead = { tenant: TENANT, disposition: 'dead_letter', reason: 'store_refused' };
        expect(await readReasons(database.connection, 0)).toEqual([{ ...dead, samples: 3 }]);
        expect(await markAt()).toEqual(addressOf(1));
      });

      it('isolates whatever text cannot hold, in every kind of entry', async () => {
        const bad = { tenant: 'ac\0me', metric: 'up', type: 'gauge', help: '', unit: '' };
        const unverified = {
          tenant: 'ac\0me',
          fingerprint: UP,
          timeUs: NOON_US,
          value: 1,
          flags: 0,
          receivedAtUs: NOON_US,
        };
        const result = await store.apply(
          batchOf(
            { to: addressOf(1) },
            {
              definitions: [
                definitionOf('up'),
                definitionOf('up', { path: 'a\0b' }),
                definitionOf('lone', { path: '\ud800' }),
                definitionOf(
                  'x'.repeat(100_000) + Array.from({ length: 9000 }, Math.random).join(''),
                ),
              ],
              metadata: [bad, { ...bad, tenant: 'acme' }],
              exemplars: [{ fingerprint: UP, timeUs: NOON_US, value: 1, labels: [['a', '\0']] }],
              unverified: [unverified, { ...unverified, tenant: 'acme' }],
              samples: samplesOf([{ series: UP, timeUs: NaN, value: 1 }]),
            },
          ),
        );
        expect(result).toMatchObject({ outcome: 'applied', deadLetters: 7 });
        const found = await letters();
        expect(
          found.map(([entry, , reason, state]) => `${entry} ${reason} ${state}`).toSorted(),
        ).toEqual([
          'definition store_refused 22P02',
          'definition store_refused 22P05',
          'definition store_refused 54000',
          'exemplar store_refused 22P05',
          'metadata store_refused 22021',
          'sample time_out_of_range The t',
          'unverified sample store_refused 22021',
        ]);
        const { definitions, metadata, unverified: kept } = await readContents(database.connection);
        expect(definitions.map(({ metric }) => metric)).toEqual(['up']);
        expect(metadata).toHaveLength(1);
        expect(kept).toHaveLength(1);
        // The whole row is kept, whatever is in it.
        const payload = found.find(([, , , state]) => state === '22P05')![4]!;
        expect(JSON.parse(payload)).toMatchObject({ labels: expect.anything() });
      });

      it('isolates windows that a trigger refuses, and keeps what was open of them', async () => {
        const windows = postgres.layout === 'partitions' ? 'windows' : 'windows_narrow';
        await sql(`CREATE FUNCTION refuse_negative() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.sum < 0 THEN RAISE EXCEPTION 'negative'; END IF; RETURN NEW; END $$`);
        await sql(`CREATE TRIGGER refuse BEFORE INSERT ON ${windows}
      FOR EACH ROW EXECUTE FUNCTION refuse_negative()`);
        const pieces = [-1, 1, 2].map((sum, i) => pieceOf({ sum, piece: 10 + i }));
        await store.apply(batchOf({ to: addressOf(1) }, { open: pieces }));
        const finals = { from: addressOf(1), to: addressOf(2) };
        expect(await store.apply(batchOf(finals, { finals: pieces }))).toMatchObject({
          outcome: 'applied',
          deadLetters: 1,
        });
        const contents = await readContents(database.connection);
        expect(contents.finals.map(({ sum }) => sum)).toEqual([1, 2]);
        expect(contents.open.map(({ sum }) => sum)).toEqual([-1]);
        expect((await letters())[0]!.slice(0, 4)).toEqual(['window', '', 'store_refused', 'P0001']);
      });

      it('isolates one of very many open windows', async () => {
        await sql('ALTER TABLE windows_open ADD CONSTRAINT sane CHECK (sum >= 0)');
        const pieces = Array.from({ length: 5_100 }, (_, piece) => {
          return pieceOf({ sum: piece === 4_321 ? -1 : piece, piece });
        });
        const result = await store.apply(batchOf({ to: addressOf(1) }, { open: pieces }));
        expect(result).toMatchObject({ outcome: 'applied', deadLetters: 1 });
        const { open } = await readContents(database.connection);
        const others = pieces.filter(({ sum }) => sum! >= 0);
        expect(open.map(({ sum }) => sum)).toEqual(others.map(({ sum }) => sum));
        const [letter] = await letters();
        expect(letter!.slice(0, 4)).toEqual(['open window', '', 'store_refused', '23514']);
      });

      it('tells two series with one series_id', async () => {
        const first = definitionOf('first');
        const twin = definitionOf('twin');
        twin.fingerprint.set(first.fingerprint.subarray(0, 8));
        const both = batchOf({ to: addressOf(1) }, { definitions: [twin, first] });
        expect((await store.apply(both)).deadLetters).toBe(1);
        const again = batchOf(
          { from: addressOf(1), to: addressOf(2) },
          { definitions: [twin, first] },
        );
        expect((await store.apply(again)).deadLetters).toBe(1);
        const found = await letters();
        expect(found.map(([entry, , reason]) => [entry, reason])).toEqual([
          ['definition', 'series_id_collision'],
          ['definition', 'series_id_collision'],
        ]);
        expect((await readContents(database.connection)).definitions).toHaveLength(1);
      });

      describe('of very many definitions', () => {
        const many = Array.from({ length: 600 }, (_, i) => definitionOf(`many_${i}`));
        const definitions = async () => (await readContents(database.connection)).definitions;

        it('tells two series with one series_id', async () => {
          const twin = definitionOf('twin');
          twin.fingerprint.set(many[500]!.fingerprint.subarray(0, 8));
          const batch = batchOf({ to: addressOf(1) }, { definitions: [...many, twin] });
          const result = await store.apply(batch);
          expect(result.deadLettersBy).toEqual({ series_id_collision: 1 });
          expect(await definitions()).toHaveLength(many.length);
        });

        it('notes when known ones are seen again, beside new ones', async () => {
          const known = many.slice(0, 250);
          await store.apply(batchOf({ to: addressOf(1) }, { definitions: known }));
          const seenUs = NOON_US + SECOND_US;
          const later = many.map((one) => ({ ...one, seenUs }));
          const range = { from: addressOf(1), to: addressOf(2) };
          const result = await store.apply(batchOf(range, { definitions: later }));
          expect(result.deadLetters).toBe(0);
          const seen = await runQuery(
            database.connection,
            `SELECT (last_seen - first_seen)::text AS between, count(*)::text AS rows
             FROM series_definitions GROUP BY 1 ORDER BY 1`,
          );
          expect(seen.rows).toEqual([
            ['00:00:00', '350'],
            ['00:00:01', '250'],
          ]);
        });

        it('has each once when two partitions bring them at the same time', async () => {
          await store.openMark(keyOf({ partition: 1 }));
          const results = await Promise.all(
            [0, 1].map((partition) =>
              store.apply(
                batchOf({ to: addressOf(1), key: { partition } }, { definitions: many.slice() }),
              ),
            ),
          );
          expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'applied']);
          expect(results.map(({ deadLetters }) => deadLetters)).toEqual([0, 0]);
          expect(await definitions()).toHaveLength(many.length);
        });

        it('isolates one that is refused', async () => {
          await sql(
            `ALTER TABLE series_definitions ADD CONSTRAINT sane CHECK (metric <> 'many_7')`,
          );
          const result = await store.apply(batchOf({ to: addressOf(1) }, { definitions: many }));
          expect(result.deadLettersBy).toEqual({ store_refused: 1 });
          expect(await definitions()).toHaveLength(many.length - 1);
        });
      });

      it('goes on when somebody drops a partition that it knew', async () => {
        const samples = samplesOf([{ series: UP, timeUs: NOON_US, value: 1 }]);
        await store.close();
        const settings = { packing: PACKING_AT_ONCE };
        store = postgres.openStore({ connection: database.connection, log: silentLog, settings });
        await store.apply(batchOf({ to: addressOf(1) }, { samples }));
        const [known] = await readRanges(postgres, database.connection);
        const drop = { partitions: 'drop_store_partition', hypertables: 'drop_store_chunk' };
        await sql(`SELECT ${drop[postgres.layout]}('${known!.name}')`);
        const result = await store.apply(
          batchOf({ from: addressOf(1), to: addressOf(2) }, { samples }),
        );
        expect(result).toEqual({ outcome: 'applied', deadLetters: 0, unverifiedDuplicates: 0 });
        expect((await readContents(database.connection)).samples).toHaveLength(1);
        // Also when it was dropped by hand.
        const [again] = await readRanges(postgres, database.connection);
        await sql(`DROP TABLE ${again!.name}`);
        await store.apply(batchOf({ from: addressOf(2), to: addressOf(3) }, { samples }));
        expect((await readContents(database.connection)).samples).toHaveLength(1);
      });

      it('waits for a schema that is not there, and works when it is', async () => {
        await sql('ALTER TABLE samples_head RENAME TO hidden');
        const samples = samplesOf([{ series: UP, timeUs: NOON_US, value: 1 }]);
        const batch = batchOf({ to: addressOf(1) }, { samples });
        await expect(store.apply(batch)).rejects.toMatchObject({
          code: 'STORE_SCHEMA',
          kind: 'transient',
          message: expect.stringContaining('Nothing is lost'),
          remedy: expect.stringContaining('millrace setup'),
        });
        expect(await markAt()).toEqual(addressOf(0));
        await sql('ALTER TABLE hidden RENAME TO samples_head');
        expect(await store.apply(batch)).toMatchObject({ outcome: 'applied' });
      });

      it('is transient about a database that is away, and aborted once it is closed', async () => {
        const connection = { host: '/nowhere', port: 5432, user: 'nobody', database: 'none' };
        const away = postgres.openStore({ connection, log: silentLog });
        const batch = batchOf({ to: addressOf(1) });
        for (const call of [
          () => away.apply(batch),
          () => away.marks(0),
          () => away.flushedMarks(),
        ]) {
          await expect(call()).rejects.toMatchObject({
            code: 'STORE_UNREACHABLE',
            kind: 'transient',
          });
        }
        await away.close();
        await away.close();
        await expect(away.marks(0)).rejects.toMatchObject({
          code: 'STORE_CLOSED',
          kind: 'aborted',
        });
      });

      it('goes by settings of its own, whatever the database sets for who connects', async () => {
        const { rows } = await sql('SELECT current_database()');
        for (const set of [
          "default_transaction_isolation = 'repeatable read'",
          'extra_float_digits = 0',
          'standard_conforming_strings = off',
          "datestyle = 'German'",
          'array_nulls = off',
        ]) {
          await sql(`ALTER DATABASE ${rows[0]![0] as string} SET ${set}`);
        }
        const connected = postgres.openStore({ connection: database.connection, log: silentLog });
        const partitions = [1, 2, 3];
        const openings = partitions.flatMap((partition) =>
          Array.from({ length: 4 }, () => connected.openMark(keyOf({ partition }))),
        );
        expect(await Promise.allSettled(openings)).toEqual(
          openings.map(() => ({ status: 'fulfilled', value: undefined })),
        );
        const letter = { tenant: TENANT, reason: 'a', detail: 'b', fingerprint: UP };
        const deadLetters = [{ ...letter, timeUs: NOON_US, value: 0.1 + 0.2, receivedAtUs: 0 }];
        const samples = samplesOf([{ series: UP, timeUs: NOON_US, value: 1 }]);
        await connected.apply(batchOf({ to: addressOf(1) }, { samples, deadLetters }));
        await connected.close();
        const listed = await listDeadLetters(database.connection, { limit: 1 });
        expect(listed.map(({ value }) => value)).toEqual([0.1 + 0.2]);
        const told = await sql('SELECT time FROM samples');
        expect(told.rows).toEqual([['2026-03-01T12:00:00Z']]);
      });

      it('gives up waiting for a lock, and applies the batch later', async () => {
        const impatient = postgres.openStore({
          connection: database.connection,
          log: silentLog,
          settings: { lockTimeoutMs: 50 },
        });
        const locked = runQuery(
          database.connection,
          `WITH locked AS MATERIALIZED (SELECT FROM positions FOR UPDATE)
       SELECT pg_sleep(1) FROM locked`,
          { write: true },
        );
        const sleeping = "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        await expect
          .poll(async () => (await runQuery(database.connection, sleeping)).rows, { interval: 5 })
          .toEqual([[1]]);
        const batch = batchOf({ to: addressOf(1) });
        await expect(impatient.apply(batch)).rejects.toMatchObject({
          code: 'STORE_BUSY',
          kind: 'transient',
        });
        await locked;
        expect(await markAt()).toEqual(addressOf(0));
        expect(await impatient.apply(batch)).toMatchObject({ outcome: 'applied' });
        await impatient.close();
      });
    });
  });
}
