import { setTimeout as sleep } from 'node:timers/promises';
import { applyRules } from '@millrace/control';
import type { CompiledRules } from '@millrace/rules';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { STREAM_CODES, StreamError, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { readLedger } from '../services/ledger-check.ts';
import { SalesLoad, type Sale } from './sales-load.ts';
import { rulesOf } from './sales-rules.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 6;
/** Barriers of this partition and those after it do not get through the first time. */
const LOST_FROM = 3;
const WIDTH_MS = 5000;
const LOAD_MS = 4000;
const SOON_MS_MAX = 60_000;
const SEED = 5;
/** Short, so that a process that was killed is missed within the test. */
const SESSION = { MILLRACE_KAFKA__SESSION_MS: '6s' };
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

const rulesBy = (labels: string, aggregates: string): string => `rules:
  - name: sales
    match: sales
    by: [${labels}]
    widths: [${WIDTH_MS / 1000}s]
    aggregates: [${aggregates}]
    keep_raw: false
`;
const BEFORE = rulesBy('shop', 'count, sum');
const AFTER = rulesBy('shop, lane', 'count, sum, max');

describe.skipIf(missing.length > 0)('rules that change under load', { timeout: 180_000 }, () => {
  let urls: ServiceUrls;
  let world: DistributedWorld;
  let stream: Stream;
  let load: SalesLoad;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    stream = await openKafkaStream({
      connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
      topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
      clock: systemClock,
      log: silentLog,
    });
  });
  afterEach(async () => {
    await load?.stop().catch(() => undefined);
    await stream.close();
    await world.remove();
  });

  const apply = async (through: Stream, source: string) => {
    return await applyRules(
      { stream: through, clock: systemClock },
      { rules: rulesOf(source), source },
    );
  };

  test('an apply that dies half-way and is repeated', async () => {
    await apply(stream, BEFORE);
    const [receiver, transformer] = await Promise.all([
      world.start('receiver'),
      ...[1, 2].map(() => world.start('transformer', SESSION)),
      world.start('writer'),
    ]);
    load = new SalesLoad({ url: receiver!.url, seed: SEED });
    load.start();
    await sleep(LOAD_MS);
    await expect(apply(losingBarriers(stream), AFTER)).rejects.toMatchObject({
      code: 'RULES_BARRIERS_MISSING',
      message: expect.stringContaining('3, 4, 5'),
    });
    await world.killAndStartAgain(transformer!, SESSION);
    // Nobody helps: whoever owns a partition tells it.
    await until('every partition has begun the edition', SOON_MS_MAX, async () => {
      return (await editionStarts()).at(-1) === PARTITIONS;
    });
    const again = await apply(stream, AFTER);
    expect(again.plan.isChanged).toBe(false);
    const switchMs = await switchTime(again.version.rules);
    // The last samples lie well behind the switch.
    await until('the new edition is served', SOON_MS_MAX, async () => {
      return Date.now() > switchMs + 2 * WIDTH_MS;
    });
    const sales = await load.stop();
    await expectCounted(sales.length);
    expect(wrongWindows(await readWindows(), salesWindows(sales, switchMs))).toEqual([]);
    expect(sales.filter(({ timeMs }) => timeMs < switchMs).length).toBeGreaterThan(1000);
    expect(sales.filter(({ timeMs }) => timeMs >= switchMs).length).toBeGreaterThan(1000);
  });

  /** In how many partitions each edition of the rule has begun. */
  async function editionStarts(): Promise<number[]> {
    const rows = await world.store.rows<{ begun: number }>(
      `SELECT count(started.partition)::integer AS begun
       FROM editions LEFT JOIN edition_starts AS started USING (edition)
       WHERE rule = 'sales' GROUP BY edition ORDER BY edition`,
    );
    return rows.map(({ begun }) => begun);
  }

  /** Where windows of the newest edition begin to be served, those of one other up to there. */
  async function switchTime(rules: CompiledRules): Promise<number> {
    const rows = await world.store.rows<{
      edition: string;
      from: number | null;
      to: number | null;
    }>(
      `SELECT edition::text, extract(epoch FROM lower(range))::float8 * 1000 AS from,
         extract(epoch FROM upper(range))::float8 * 1000 AS to
       FROM served WHERE rule = 'sales' ORDER BY lower(range) NULLS FIRST`,
    );
    const newest = String(rules.rules.find(({ name }) => name === 'sales')!.edition);
    expect(rows).toEqual([
      { edition: expect.not.stringMatching(newest), from: null, to: expect.any(Number) },
      { edition: newest, from: rows[0]!.to, to: null },
    ]);
    return rows[0]!.to!;
  }

  /** All of it is folded and in the ledger; nothing of it is kept raw. */
  async function expectCounted(sent: number): Promise<void> {
    await until('all samples are accounted for', SOON_MS_MAX, async () => {
      return (await readLedger(world.store)).stored === sent;
    });
    const { accepted, duplicate, stored, ...others } = await readLedger(world.store);
    expect(accepted).toBe(stored + duplicate);
    const nothing = { conflict: 0, dropped: 0, unverified: 0, deadLetter: 0, rows: 0 };
    expect(others).toEqual(nothing);
  }

  async function readWindows(): Promise<ShownWindow[]> {
    return await world.store.rows<ShownWindow>(
      `SELECT labels, extract(epoch FROM width)::float8 * 1000 AS width,
         extract(epoch FROM start)::float8 * 1000 AS start, count::integer, sum, max, marked
       FROM series_windows WHERE rule = 'sales'`,
    );
  }
});

interface ShownWindow extends SalesWindow {
  labels: Readonly<Record<string, string>>;
  width: number;
  start: number;
  marked: boolean;
}

interface SalesWindow {
  count: number;
  sum: number;
  /** Null where the edition does not ask for it. */
  max: number | null;
}

/** What is shown, from the list of all samples: each in the edition that its window belongs to. */
function salesWindows(sales: readonly Sale[], switchMs: number): Map<string, SalesWindow> {
  const windows = new Map<string, SalesWindow>();
  for (const { shop, lane, timeMs, value } of sales) {
    const start = Math.floor(timeMs / WIDTH_MS) * WIDTH_MS;
    const isAfter = start >= switchMs;
    const name = windowName(start, isAfter ? { lane, shop } : { shop });
    const { count, sum, max } = windows.get(name) ?? { count: 0, sum: 0, max: -Infinity };
    const largest = isAfter ? Math.max(max!, value) : null;
    windows.set(name, { count: count + 1, sum: sum + value, max: largest });
  }
  return windows;
}

function wrongWindows(shown: readonly ShownWindow[], wanted: Map<string, SalesWindow>): string[] {
  const wrong: string[] = [];
  for (const row of shown) {
    const name = windowName(row.start, row.labels);
    const want = wanted.get(name);
    wanted.delete(name);
    const { count, sum, max, width, marked } = row;
    const isSame = want?.count === count && want.sum === sum && want.max === max;
    if (isSame && width === WIDTH_MS && !marked) continue;
    wrong.push(`${name}: ${JSON.stringify(row)} instead of ${JSON.stringify(want)}`);
  }
  for (const name of wanted.keys()) wrong.push(`missing: ${name}`);
  return wrong.slice(0, 10);
}

function windowName(start: number, labels: Readonly<Record<string, string>>): string {
  const named = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${start} ${JSON.stringify(named)}`;
}

/** Through it, no barrier gets into the partitions from `LOST_FROM` on. */
function losingBarriers(stream: Stream): Stream {
  const away = (): StreamError =>
    new StreamError({
      code: STREAM_CODES.unreachable,
      message: 'It died half-way.',
      remedy: 'Apply them again.',
    });
  return {
    partitions: stream.partitions,
    reader: (...args) => stream.reader(...args),
    bounds: (...args) => stream.bounds(...args),
    release: (...args) => stream.release(...args),
    close: () => stream.close(),
    producer: () => {
      const producer = stream.producer();
      return {
        append: async (topic, partition, payload) => {
          if (topic === TOPIC_EVENTS && partition >= LOST_FROM) throw away();
          return await producer.append(topic, partition, payload);
        },
        close: () => producer.close(),
      };
    },
  };
}
