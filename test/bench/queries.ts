import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Playground } from '../integration/running-millrace.ts';
import { Latencies, type LatencySummary } from '../load/latencies.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLoadVisible } from '../services/stored-load.ts';
import { onAbandon } from './abandon.ts';
import { benchParent } from './bench-directory.ts';
import type { Progress } from './progress.ts';
import { runLoad, visibleStep } from './watched-load.ts';

export interface QueriesParams {
  readonly progress: Progress;
  readonly say: (text: string) => void;
}

export interface QueriesFigures {
  series: number;
  samples: number;
  /** Of windows, before the first query: what came this quickly is open for ten minutes. */
  pieces: Readonly<{ open: number; all: number }>;
  queries: { name: string; rows: number; ms: LatencySummary; floorMs?: number | undefined }[];
  /** Tables of samples that a filter on `bucket` leaves to be read, of all that there are. */
  pruned: Readonly<{ read: number; all: number }>;
}

const SERIES = 1000;
const STEP_MS = 10_000;
const STEPS = 8640;
const RUNS = 15;
const VISIBLE_MS_MAX = 600_000;
const METRIC = 'queried_requests_seconds';
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

/** Windows of every series with a histogram, beside what is kept anyway. */
const RULES = `rules:
  - name: latency
    match: ${METRIC}
    without: [nothing]
    widths: [1m]
    aggregates: [count, avg, max, quantile]
`;

const BY_BUCKET = `SELECT count(*)::integer AS rows, max(value) FROM samples
  WHERE bucket > now() - interval '10 minutes' AND time > now() - interval '10 minutes'`;

const PIECES = `SELECT count(*) FILTER (WHERE is_open)::integer AS open, count(*)::integer AS "all"
  FROM window_pieces`;

/** What people ask of it, over a day of 1,000 series 10 s apart. */
const QUERIES: readonly (readonly [name: string, text: string, floorMs?: number])[] = [
  [
    'one series, a day of raw samples',
    `SELECT count(*)::integer AS rows, max(value) FROM samples_of(
       '${METRIC}{endpoint="/v2/orders/0003",pod="checkout-6c9f7-17"}',
       now() - interval '1 day', now())`,
    20,
  ],
  ['all 1,000 series, the last 10 minutes of raw samples, by bucket', BY_BUCKET],
  [
    'top 10 of 1,000 series by p99, an hour of windows',
    `SELECT count(*)::integer AS rows FROM (
       SELECT series_id, max(quantile(histogram, 0.99)) AS p99 FROM series_windows
       WHERE rule = 'latency' AND width = '1 minute' AND start >= now() - interval '1 hour'
       GROUP BY series_id ORDER BY p99 DESC LIMIT 10) AS top`,
    300,
  ],
  [
    'rate of all 1,000 series, a day of 5-minute windows',
    `SELECT count(*)::integer AS rows FROM (
       SELECT start, sum(rate) FROM series_windows
       WHERE metric = '${METRIC}' AND width = '5 minutes' AND rule = 'rollup'
         AND start >= now() - interval '1 day' GROUP BY start) AS sums`,
  ],
];

/** Fills a store with a day, then asks each query again and again. */
export async function runQueries({ progress, say }: QueriesParams): Promise<QueriesFigures> {
  progress.begin('starting');
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    const { info } = await playground.up({ env: QUIET });
    const store = await StoreClient.connect(info);
    try {
      await applyRules(playground);
      const samples = await fill(info.url, store, progress);
      say(`${samples} samples of ${SERIES} series are stored`);
      const pieces = await store.row<QueriesFigures['pieces']>(PIECES);
      const queries: QueriesFigures['queries'] = [];
      for (const [name, text, floorMs] of QUERIES) {
        progress.begin(`asking: ${name}`);
        queries.push({ ...(await ask(store, name, text)), floorMs });
      }
      const pruned = await prunedBy(store, BY_BUCKET);
      return { series: SERIES, samples, pieces, queries, pruned };
    } finally {
      await store.close();
    }
  } finally {
    abandoned.over();
    await playground.remove();
  }
}

async function applyRules(playground: Playground): Promise<void> {
  const file = join(playground.path, 'rules.yaml');
  await writeFile(file, RULES);
  const { code, stderr } = await playground.run(['rules', 'apply', file]);
  if (code !== 0) throw new Error(`the rules were not applied: ${stderr}`);
}

async function fill(url: string, store: StoreClient, progress: Progress): Promise<number> {
  const load: LoadSettings = {
    ...{ ...DEFAULT_LOAD, url, metric: METRIC, series: SERIES, seriesPerRequest: 100 },
    ...{ stepMs: STEP_MS, stepsMax: STEPS, values: 'real' },
    firstTimeMs: Date.now() - STEPS * STEP_MS,
  };
  const result = await runLoad(progress, 'sending a day', load);
  progress.begin(visibleStep(result));
  await untilLoadVisible(store, load, result, VISIBLE_MS_MAX);
  await store.rows('ANALYZE');
  return result.samples;
}

async function ask(
  store: StoreClient,
  name: string,
  text: string,
): Promise<QueriesFigures['queries'][number]> {
  const latencies = new Latencies();
  let rows = 0;
  for (let run = 0; run <= RUNS; run += 1) {
    const begunMs = performance.now();
    ({ rows } = await store.row<{ rows: number }>(text));
    // The first one plans, and reads what is not in memory yet.
    if (run > 0) latencies.add(performance.now() - begunMs);
  }
  return { name, rows, ms: latencies.summary() };
}

/** Tables that hold ranges of time, and those of them that the plan of a query has left. */
async function prunedBy(store: StoreClient, text: string): Promise<QueriesFigures['pruned']> {
  const tables = await store.rows<{ name: string }>(
    `SELECT relid::text AS name FROM (VALUES ('samples_narrow'), ('samples_packed')) AS part(name),
       pg_partition_tree(part.name::regclass) WHERE isleaf`,
  );
  // What `now()` leaves out is known when the query begins.
  const plan = JSON.stringify(await store.rows(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`));
  const read = tables.filter(({ name }) => plan.includes(`"Relation Name":"${name}"`));
  return { read: read.length, all: tables.length };
}
