import { silentLog } from '@millrace/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetterFilter } from '../../dead-letter.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  samplesOf,
  SECOND_US,
  seriesOf,
  TENANT,
  totalsOf,
} from '../../testing/entries.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import {
  beginRedrive,
  deleteDeadLetters,
  listDeadLetters,
  listUnverified,
  markRedriven,
  readUnverified,
} from '../read/dead-letters.ts';
import { readLedger } from '../read/read-ledger.ts';
import { runQuery } from '../connection/run-query.ts';

/** What people do with what could not be stored. */
export function describeLetters(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: dead letters`, () => {
    let postgres: TestServer;
    let database: TestDatabase;

    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    beforeEach(async () => {
      database = await postgres.createDatabase();
    });
    afterEach(async () => await database.drop());

    const UP = seriesOf('up', { job: 'a' });
    const list = (filter: Partial<DeadLetterFilter> = {}) =>
      listDeadLetters(database.connection, { limit: 100, ...filter });
    const ledger = async () => {
      const { rows, addsUp } = await readLedger(database.connection);
      const [{ accepted, stored, duplicate, dropped, deadLetter, droppedBy, deadLetterBy }] =
        rows as [(typeof rows)[number]];
      const counts = { accepted, stored, duplicate, dropped, deadLetter };
      return { ...counts, droppedBy, deadLetterBy, addsUp };
    };

    /** Four samples of which the store refuses three, and a definition that it refuses. */
    async function refuseSome(): Promise<void> {
      const sql = 'ALTER TABLE samples_head ADD CONSTRAINT sane CHECK (value < 10)';
      await runQuery(database.connection, sql, { write: true });
      const store = postgres.openStore({ connection: database.connection, log: silentLog });
      await store.openMark(keyOf());
      const samples = [1, 11, 12, NaN].map((value, i) => {
        return { series: UP, timeUs: NOON_US + i * SECOND_US + 1, value };
      });
      const totals = [totalsOf({ accepted: 4, stored: 4 })];
      const ledger = [{ totals, partitionTimeUs: NOON_US, watermarkUs: NOON_US, position: 1 }];
      const definitions = [definitionOf('up', { job: 'a' }), definitionOf('up', { path: 'a\0b' })];
      const { deadLetters } = await store.apply(
        batchOf({ to: addressOf(1) }, { definitions, samples: samplesOf(samples), ledger }),
      );
      expect(deadLetters).toBe(4);
      await store.close();
    }

    it('are listed with what is known of their series, by what they are', async () => {
      await refuseSome();
      const all = await list();
      expect(all.map(({ entry }) => entry).sort()).toEqual([
        'definition',
        'sample',
        'sample',
        'sample',
      ]);
      const letters = all.filter(({ entry }) => entry === 'sample');
      expect(letters[0]).toMatchObject({
        logId: keyOf().logId,
        partition: 0,
        tenant: TENANT,
        reason: 'store_refused',
        detail: expect.stringMatching(/^23514/),
        metric: 'up',
        labels: { job: 'a' },
        kind: 'gauge',
        timeUs: NOON_US + SECOND_US + 1,
        value: 11,
        payload: { value: 11, flags: 0 },
        redrivenAtUs: null,
        redriveToken: null,
      });
      expect(letters.map(({ value }) => value)).toEqual([11, 12, NaN]);
      expect(await list({ limit: 2 })).toEqual(all.slice(0, 2));
      expect(await list({ ids: [all[1]!.id, '999'] })).toEqual([all[1]]);
      expect(await list({ reason: 'store_refused', tenant: TENANT })).toHaveLength(4);
      expect(await list({ reason: 'other' })).toEqual([]);
      expect(await list({ tenant: 'nobody' })).toEqual([]);
      const { recordedAtUs } = all[0]!;
      expect(await list({ sinceUs: recordedAtUs, untilUs: recordedAtUs + 1 })).toEqual(all);
      expect(await list({ untilUs: recordedAtUs })).toEqual([]);
      expect(await list({ sinceUs: recordedAtUs + 1 })).toEqual([]);
    });

    it('that are sent again count as duplicates, once, and stay to be seen', async () => {
      await refuseSome();
      const before = { accepted: 4, stored: 1, duplicate: 0, dropped: 0, deadLetter: 3 };
      expect(await ledger()).toEqual({
        ...before,
        droppedBy: {},
        deadLetterBy: { store_refused: 3 },
        addsUp: true,
      });
      const [first, second] = (await list()).filter(({ entry }) => entry === 'sample');
      await beginRedrive(database.connection, [first!.id]);
      const [begun] = await list({ ids: [first!.id] });
      expect(begun!.redriveStartedAtUs).toBeGreaterThan(0);
      await beginRedrive(database.connection, [first!.id, second!.id]);
      expect((await list({ ids: [first!.id] }))[0]).toEqual(begun);
      const sent = [
        { id: first!.id, token: 'one' },
        { id: second!.id, token: 'two' },
      ];
      expect(await markRedriven(database.connection, sent.slice(0, 1))).toBe(1);
      expect(await markRedriven(database.connection, sent)).toBe(1);
      expect(await ledger()).toEqual({
        ...before,
        duplicate: 2,
        deadLetter: 1,
        droppedBy: {},
        deadLetterBy: { store_refused: 1 },
        addsUp: true,
      });
      expect((await list()).map(({ id }) => id)).not.toContain(first!.id);
      const [marked] = await list({ ids: [first!.id], withRedriven: true });
      expect(marked).toMatchObject({ redriveToken: 'one' });
      expect(marked!.redrivenAtUs).toBeGreaterThanOrEqual(begun!.redriveStartedAtUs!);
    });

    it('that are thrown away count as dropped, but for those that were sent again', async () => {
      await refuseSome();
      const letters = await list();
      const samples = letters.filter(({ entry }) => entry === 'sample');
      await markRedriven(database.connection, [{ id: samples[0]!.id, token: 'one' }]);
      const ids = letters.map(({ id }) => id);
      expect(await deleteDeadLetters(database.connection, ids)).toBe(4);
      expect(await deleteDeadLetters(database.connection, ids)).toBe(0);
      expect(await list({ withRedriven: true })).toEqual([]);
      expect(await ledger()).toEqual({
        accepted: 4,
        stored: 1,
        duplicate: 1,
        dropped: 2,
        deadLetter: 0,
        droppedBy: { '(by hand)': 2 },
        deadLetterBy: {},
        addsUp: true,
      });
    });

    it('are told of a database that is away', async () => {
      const away = { host: '127.0.0.1', port: 1, user: 'nobody', database: 'none' };
      await expect(listDeadLetters(away, { limit: 1 })).rejects.toMatchObject({
        code: 'STORE_UNREACHABLE',
        message: expect.stringMatching(/^The dead letters were not read/),
      });
    });

    it('are beside unverified samples, which are shown by series', async () => {
      const store = postgres.openStore({ connection: database.connection, log: silentLog });
      await store.openMark(keyOf());
      const late = (second: number, series = UP) => ({
        tenant: TENANT,
        fingerprint: series,
        timeUs: NOON_US + second * SECOND_US,
        value: second,
        flags: 0,
        receivedAtUs: NOON_US + 100 * SECOND_US + second,
      });
      const raw = { series: UP, timeUs: NOON_US + 9 * SECOND_US, value: 9, unverified: true };
      await store.apply(
        batchOf(
          { to: addressOf(1) },
          {
            definitions: [definitionOf('up', { job: 'a' })],
            unverified: [late(1), late(2), late(3, seriesOf('other'))],
            samples: samplesOf([raw]),
          },
        ),
      );
      await store.close();
      const { connection } = database;
      const series = await listUnverified(connection, { limit: 10 });
      expect(series).toMatchObject([
        { metric: null, samples: 1 },
        { metric: 'up', labels: { job: 'a' }, samples: 2, fromUs: NOON_US + SECOND_US },
      ]);
      expect(await listUnverified(connection, { limit: 10, tenant: 'nobody' })).toEqual([]);
      expect(await listUnverified(connection, { limit: 10, untilUs: NOON_US })).toEqual([]);
      const { seriesId } = series[1]!;
      const found = await readUnverified(connection, { seriesId, limit: 10 });
      expect(found.map(({ value, isApart }) => [value, isApart])).toEqual([
        [1, true],
        [2, true],
        [9, false],
      ]);
      const some = { seriesId, limit: 1, sinceUs: NOON_US + 2 * SECOND_US };
      expect(await readUnverified(connection, some)).toMatchObject([{ value: 2 }]);
    });
  });
}
