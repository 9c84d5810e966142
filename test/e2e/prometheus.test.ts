import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeHistogram } from '@millrace/wire';
import { findDebianProgram, reportMissing } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Playground, until, type RunningMillrace } from '../integration/running-millrace.ts';
import { PROMETHEUS } from '../services/known-programs.ts';
import { PrometheusProcess } from '../services/prometheus-process.ts';
import { histogramMeaning, type TsdbSample } from '../services/remote-read.ts';
import { StoreClient } from '../services/store-client.ts';
import { ScrapeTarget } from './scrape-target.ts';

const program = await findDebianProgram(PROMETHEUS);
if (typeof program !== 'string') reportMissing(program);

const WAIT_MS_MAX = 60_000;
/** Longer than a scrape may take: what is older than this in a TSDB does not change any more. */
const SETTLED_MS = 1500;
const SCRAPES_IN_OUTAGE = 6;

describe.skipIf(typeof program !== 'string')('Prometheus writes to Millrace', () => {
  let playground: Playground;
  let millrace: RunningMillrace;
  let store: StoreClient;
  let target: ScrapeTarget;
  let prometheus: PrometheusProcess;
  const undo: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    playground = await Playground.make();
    undo.push(() => playground.remove());
    millrace = await playground.up();
    store = await StoreClient.connect(millrace.info);
    undo.push(() => store.close());
    target = await ScrapeTarget.start();
    undo.push(() => target.stop());
    const directory = join(playground.path, 'prometheus');
    await mkdir(directory);
    prometheus = await PrometheusProcess.start({
      program: program as string,
      directory,
      config: (self) => configFor(millrace.info, self, target.address),
    });
    undo.push(() => prometheus.stop());
  });
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  test(
    'whatever its TSDB has is in SQL once, also after an outage of ours',
    { timeout: 180_000 },
    async () => {
      const source = prometheus;
      await until('samples of the target are in SQL', WAIT_MS_MAX, async () => {
        return (await countRows(store, 0, Date.now())) > 0;
      });
      const startMs = Date.now();
      await untilScrapes(source, startMs, 4);
      const beforeMs = Date.now() - SETTLED_MS;
      await expectSame(source, store, startMs, beforeMs);
      await expectQueriesAgree(source, store, startMs, beforeMs);
      await expectMetadata(store);

      millrace.child.kill('SIGKILL');
      await millrace.ended;
      await store.close();
      const killedMs = Date.now();
      // One series ends while nobody listens: its stale marker waits with the rest.
      await target.stop();
      await untilScrapes(source, killedMs, SCRAPES_IN_OUTAGE);

      millrace = await playground.up({ args: ['--port', String(millrace.info.port)] });
      store = await StoreClient.connect(millrace.info);
      await untilScrapes(source, Date.now(), 2);
      const endMs = Date.now() - SETTLED_MS;
      const samples = await expectSame(source, store, startMs, endMs);
      const inOutage = samples.filter((sample) => sample.timestampMs > killedMs);
      expect(inOutage.filter(({ stale }) => stale).length).toBeGreaterThanOrEqual(7);
      expect(samples.filter(({ histogram }) => histogram !== undefined).length).toBeGreaterThan(10);
      await expectQueriesAgree(source, store, startMs, endMs);
      const exemplars = await store.row<{ count: number }>(
        `SELECT count(DISTINCT labels ->> 'trace_id')::integer AS count FROM exemplars`,
      );
      expect(exemplars.count).toBeGreaterThan(3);
    },
  );
});

/** Scrapes itself, us, and what is rare; only the waiting times are shorter than usual. */
function configFor(
  { url, host, port }: RunningMillrace['info'],
  self: string,
  rare: string,
): object {
  const job = (name: string, target: string): object => ({
    job_name: name,
    static_configs: [{ targets: [target] }],
  });
  return {
    scrape_configs: [
      job('prometheus', self),
      job('millrace', `${host}:${port}`),
      job('rare', rare),
    ],
    remote_write: [
      {
        url: `${url}/api/v1/write`,
        send_exemplars: true,
        send_native_histograms: true,
        queue_config: { batch_send_deadline: '1s', max_backoff: '1s' },
        metadata_config: { send: true, send_interval: '1s' },
      },
    ],
  };
}

/** Waits for so many scrapes of itself, none before `afterMs`. */
async function untilScrapes(
  prometheus: PrometheusProcess,
  afterMs: number,
  scrapes: number,
): Promise<void> {
  await until(`${scrapes} scrapes`, WAIT_MS_MAX, async () => {
    const [series] = await prometheus.query('up{job="prometheus"}[5m]');
    const times = (series?.values ?? []).map(([seconds]) => seconds * 1000);
    return times.filter((timeMs) => timeMs > afterMs).length >= scrapes;
  });
}

const SCRAPED = `labels ->> 'job' IN ('prometheus', 'millrace', 'rare')
  AND time BETWEEN to_timestamp($1::float8 / 1000) AND to_timestamp($2::float8 / 1000)`;

async function countRows(store: StoreClient, startMs: number, endMs: number): Promise<number> {
  const { rows } = await store.row<{ rows: number }>(
    `SELECT (SELECT count(*) FROM series_samples WHERE ${SCRAPED})::integer + (
       SELECT count(*) FROM histograms JOIN series USING (series_id) WHERE ${SCRAPED}
     )::integer AS rows`,
    [startMs, endMs],
  );
  return rows;
}

/** What the TSDB has of the interval, once SQL has exactly the same. */
async function expectSame(
  prometheus: PrometheusProcess,
  store: StoreClient,
  startMs: number,
  endMs: number,
): Promise<TsdbSample[]> {
  const samples = await prometheus.readAll(startMs, endMs);
  expect(samples.length).toBeGreaterThan(1000);
  await until(`${samples.length} rows are in SQL`, WAIT_MS_MAX, async () => {
    return (await countRows(store, startMs, endMs)) >= samples.length;
  }).catch(() => undefined);
  const wanted = new Map(samples.map((sample) => [nameOf(sample), meaningOf(sample)]));
  const found = new Map<string, string>();
  const wrong: string[] = [];
  for (const [name, meaning] of await readStored(store, startMs, endMs)) {
    if (found.has(name)) wrong.push(`twice: ${name}`);
    found.set(name, meaning);
    const want = wanted.get(name);
    if (want !== meaning) wrong.push(`${name}: ${meaning} instead of ${want}`);
  }
  for (const name of wanted.keys()) if (!found.has(name)) wrong.push(`missing: ${name}`);
  expect({ wrong: wrong.slice(0, 10), log: wrong.length === 0 ? '' : prometheus.output }).toEqual({
    wrong: [],
    log: '',
  });
  return samples;
}

function nameOf({ labels, timestampMs }: Pick<TsdbSample, 'labels' | 'timestampMs'>): string {
  return `${JSON.stringify(Object.fromEntries(labels))} at ${timestampMs}`;
}

function meaningOf({
  value,
  stale,
  histogram,
}: Omit<TsdbSample, 'labels' | 'timestampMs'>): string {
  if (histogram !== undefined) return stale ? 'stale histogram' : histogramMeaning(histogram);
  return stale ? 'stale' : textOf(value);
}

function textOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

async function readStored(
  store: StoreClient,
  startMs: number,
  endMs: number,
): Promise<[string, string][]> {
  interface Row {
    metric: string;
    labels: Record<string, string>;
    ms: number;
    value: number | null;
    stale: boolean;
    histogram: Buffer | null;
  }
  const columns = `metric, labels, extract(epoch FROM time)::float8 * 1000 AS ms, stale`;
  const rows = await store.rows<Row>(
    `SELECT ${columns}, value, NULL::bytea AS histogram FROM series_samples WHERE ${SCRAPED}
     UNION ALL
     SELECT ${columns}, NULL, coalesce(histogram, '') FROM histograms JOIN series USING (series_id)
     WHERE ${SCRAPED}`,
    [startMs, endMs],
  );
  return rows.map(({ metric, labels, ms, value, stale, histogram }) => {
    const sorted = Object.entries({ __name__: metric, ...labels }).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const name = nameOf({ labels: sorted, timestampMs: Math.round(ms) });
    if (histogram === null) return [name, stale ? 'stale' : textOf(value!)];
    return [name, stale ? 'stale histogram' : histogramMeaning(decodeHistogram(histogram))];
  });
}

/**
 * The same by Prometheus' own query language, for some series: times and values exactly. Of an
 * interval that SQL has all of.
 */
async function expectQueriesAgree(
  prometheus: PrometheusProcess,
  store: StoreClient,
  startMs: number,
  endMs: number,
): Promise<void> {
  const selectors = [
    'odd_value',
    'odd_label',
    'visits_total',
    'up{job="millrace"}',
    'go_goroutines',
  ];
  for (const selector of selectors) {
    const series = await prometheus.query(`${selector}[10m]`);
    expect(series.length).toBeGreaterThan(0);
    for (const { metric, values } of series) {
      const { __name__: name, ...labels } = metric;
      const rows = await store.rows<{ ms: number; value: number }>(
        `SELECT extract(epoch FROM time)::float8 * 1000 AS ms, value FROM series_samples
         WHERE metric = $3 AND labels = $4 AND NOT stale AND time BETWEEN
           to_timestamp($1::float8 / 1000) AND to_timestamp($2::float8 / 1000) ORDER BY time`,
        [startMs, endMs, name, JSON.stringify(labels)],
      );
      const told = values
        .map(([seconds, value]): [number, string] => [
          Math.round(seconds * 1000),
          numberText(value),
        ])
        .filter(([ms]) => ms >= startMs && ms <= endMs);
      expect(rows.map(({ ms, value }) => [Math.round(ms), textOf(value)])).toEqual(told);
    }
  }
}

/**
 * Go writes +Inf where JavaScript writes Infinity. What remote write cannot carry is a zero with a
 * sign: Prometheus leaves out fields that equal zero.
 */
function numberText(text: string): string {
  return textOf(Number(text.replace('Inf', 'Infinity')) + 0);
}

async function expectMetadata(store: StoreClient): Promise<void> {
  await until('metadata is in SQL', WAIT_MS_MAX, async () => {
    const rows = await store.rows(`SELECT FROM metadata WHERE metric = 'odd_value'`);
    return rows.length === 1;
  });
  const metadata = await store.row(`SELECT type, help FROM metadata WHERE metric = 'odd_value'`);
  expect(metadata).toEqual({ type: 'gauge', help: 'Values that are legal and rare.' });
  const { help } = await store.row<{ help: string }>(
    `SELECT DISTINCT help FROM series WHERE metric = 'visits_total'`,
  );
  expect(help).toBe('Scrapes so far.');
}
