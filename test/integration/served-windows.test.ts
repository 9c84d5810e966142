import { createMeter, silentLog, systemClock } from '@millrace/runtime';
import type { CompiledRules } from '@millrace/rules';
import { startTestPostgres, type TestPostgres } from '@millrace/store/testing';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { naiveWindows, TEST_LOG_ID, type NaiveWindow } from '@millrace/transformer/testing';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { createWriter } from '@millrace/writer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../sim/random.ts';
import { StoreClient } from '../services/store-client.ts';
import { changingWorld, PARTITIONS, type ChangingWorld } from './changing-world.ts';

interface ShownWindow {
  rule: string;
  edition: string;
  series: string;
  width: number;
  start: number;
  count: string;
  sum: number;
  increase: number | null;
  partial: boolean;
  marked: boolean;
}
interface ServedRange {
  rule: string;
  edition: string;
  from: number | null;
  until: number | null;
}
/** Where an edition is whole: behind all beginnings, before all ends. In seconds. */
interface WholeRange {
  edition: string;
  rule: string;
  after: number;
  before: number | null;
}

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

/** Stores what was put out, by a writer whose batches are as large as they come. */
async function store({ records }: ChangingWorld, batchRecordsMax: number): Promise<StoreClient> {
  const { connection } = await postgres.createDatabase();
  const stream = openMemoryStream(new MemoryLog({ partitions: PARTITIONS, clock: systemClock }));
  await appendAll(stream, records);
  const target = postgres.openStore({ connection, log: silentLog });
  const parts = { stream, store: target, clock: systemClock, log: silentLog };
  const writer = createWriter({ ...parts, meter: createMeter() }, { batchRecordsMax });
  const running = writer.run();
  await vi.waitFor(
    async () => {
      for (const [p, list] of records.entries()) {
        const live = (await target.marks(p)).get('live');
        expect(live?.mark).toEqual(list.at(-1)!.to);
      }
    },
    { timeout: 30_000, interval: 20 },
  );
  await writer.stop();
  await running;
  await target.close();
  const { host, port, user, database } = connection as Exclude<typeof connection, { url: string }>;
  return await StoreClient.connectTo({ host, port, user, database });
}

async function appendAll(stream: Stream, records: ChangingWorld['records']): Promise<void> {
  const producer = stream.producer();
  const event = encodeEventsRecord({ kind: EventsRecordKind.log, logId: TEST_LOG_ID });
  for (const [p, list] of records.entries()) {
    const events = Array.from({ length: list.at(-1)!.to.offset }, () => event);
    await Promise.all(events.map((one) => producer.append(TOPIC_EVENTS, p, one)));
    for (const { payload } of list) await producer.append(TOPIC_SERIES, p, payload);
  }
  await producer.close();
}

const SHOWN = `SELECT rule, edition, lpad(to_hex(series_id), 16, '0') AS series,
  extract(epoch FROM width)::float8 AS width, extract(epoch FROM start)::float8 AS start,
  count, sum, increase, partial, marked FROM series_windows`;
const SERVED = `SELECT rule, edition, extract(epoch FROM lower(range))::float8 AS from,
  extract(epoch FROM upper(range))::float8 AS until FROM served
  ORDER BY rule, lower(range) NULLS FIRST`;
const WHOLE = `SELECT edition, rule,
  (SELECT max(extract(epoch FROM greatest(from_partition_time, from_largest_time)))
    FROM edition_starts AS started WHERE started.edition = editions.edition)::float8 AS after,
  (SELECT min(extract(epoch FROM until_time))
    FROM edition_ends AS ended WHERE ended.edition = editions.edition)::float8 AS before
  FROM editions`;

const keyOf = (series: string, width: number, start: number): string =>
  [series.slice(0, 16), width, start].join('/');

/** Looks at every window that each edition could show, and at every one that is shown. */
async function look(world: ChangingWorld, client: StoreClient): Promise<Record<string, number>> {
  const shown = await client.rows<ShownWindow>(SHOWN);
  const served = await client.rows<ServedRange>(SERVED);
  const whole = await client.rows<WholeRange>(WHOLE);
  const counts = { whole: 0, partial: 0, switches: 0 };
  expectTiled(served, whole);
  for (const { edition, rule, after, before } of whole) {
    const rules = world.rulesOf.get(Number(edition))!;
    const rows = new Map(
      shown
        .filter((one) => one.edition === edition)
        .map((one) => [keyOf(one.series, one.width, one.start), one]),
    );
    const ranges = served.filter((one) => one.edition === edition);
    const isServed = (start: number): boolean =>
      ranges.some(({ from, until }) => start >= (from ?? -Infinity) && start < (until ?? Infinity));
    for (const [key, naive] of windowsOf(world, rules, Number(edition))) {
      const start = naive.startUs / 1e6;
      if (!isServed(start)) continue;
      const row = rows.get(key);
      rows.delete(key);
      const isWhole = start > after && start < (before ?? Infinity);
      counts[isWhole ? 'whole' : 'partial'] += 1;
      if (isWhole) expectSame(row, naive, `${rule} ${edition} ${key}`);
      else if (row !== undefined) expect(row.partial, key).toBe(true);
      // The roll-up is never absent: whoever reads it misses nothing unless a partition was stuck.
      if (rule === 'rollup' && !world.isOneStuck) expect(isWhole, key).toBe(true);
    }
    // Corrections of what was folded before the edition began.
    for (const row of rows.values()) expect([row.partial, row.count]).toEqual([true, '0']);
    counts.switches += ranges.some(({ from }) => from !== null) ? 1 : 0;
  }
  return counts;
}

function windowsOf(
  { samples }: ChangingWorld,
  rules: CompiledRules,
  edition: number,
): [string, NaiveWindow][] {
  return [...naiveWindows(samples, rules).values()]
    .filter((one) => one.edition === edition)
    .map((one) => [keyOf(one.series, one.widthUs / 1e6, one.startUs / 1e6), one]);
}

function expectSame(row: ShownWindow | undefined, naive: NaiveWindow, where: string): void {
  expect(row, where).toBeDefined();
  expect([Number(row!.count), row!.partial, row!.marked], where).toEqual([
    naive.values.length,
    false,
    false,
  ]);
  const sum = naive.values.reduce((total, { value }) => total + value, 0);
  expect(row!.sum, where).toBeCloseTo(sum, 6);
  expect(row!.increase, where).toBeCloseTo(naive.increase, 6);
}

/** Every time is one edition's of each rule, and none is shown where it has ended. */
function expectTiled(served: readonly ServedRange[], whole: readonly WholeRange[]): void {
  const rules = new Set(whole.map(({ rule }) => rule));
  expect(new Set(served.map(({ rule }) => rule))).toEqual(rules);
  for (const rule of rules) {
    const ranges = served.filter((one) => one.rule === rule);
    expect([ranges[0]!.from, ranges.at(-1)!.until]).toEqual([null, null]);
    for (const [i, { until, edition }] of ranges.slice(0, -1).entries()) {
      expect(ranges[i + 1]!.from).toBe(until);
      const { before } = whole.find((one) => one.edition === edition)!;
      expect(until).toBeLessThanOrEqual(before!);
    }
  }
}

describe('windows that are served while rules change', () => {
  const seeds = Number(process.env['MILLRACE_TEST_SEEDS'] ?? 6);
  it.each(Array.from({ length: seeds }, (_, i) => i + 1))(
    'are whole, or say that they are not (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const world = changingWorld(random);
      const clients = [await store(world, 1 + random.int(5)), await store(world, 1000)];
      const [counts] = await Promise.all(clients.map((client) => look(world, client)));
      expect(counts!['whole']).toBeGreaterThan(50);
      const [some, all] = await Promise.all(clients.map((client) => client.rows(`${SERVED}`)));
      // However the writer batched.
      expect(all).toEqual(some);
      for (const client of clients) await client.close();
    },
  );
});
