import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprintOf, seriesIdOf } from '@millrace/model';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { loadSeries } from '../load/load-series.ts';
import { loadTotal } from '../load/load-values.ts';
import type { StoreClient } from './store-client.ts';

type SentLoad = Pick<
  LoadSettings,
  'metric' | 'firstTimeMs' | 'stepMs' | 'series' | 'seriesPerRequest' | 'values'
> &
  Partial<Pick<LoadSettings, 'stepsLeftOut'>>;

/** Of who sends without a token. */
const TENANT = 'default';
const POLL_MS = 50;
/**
 * Every so many series are looked at while waiting: a look at all of them is dearer, and takes
 * from what is waited for.
 */
const SPOT_EVERY = 97;
const SPOTS_MAX = 200;
/** Then so many of them, spread over all requests; each row is counted by `checkStoredLoad`. */
const LOOKED_AT_MAX = 20_000;

/** Series number, as `loadSeries` writes it into the labels. */
const LOAD_SERIES = `
  SELECT series_id,
    right(labels ->> 'endpoint', 4)::integer * 100 + right(labels ->> 'pod', 2)::integer AS i
  FROM series WHERE metric = $1`;

/** Resolves when the last sample of every series (of many, of very many) can be queried. */
export async function untilLoadVisible(
  store: StoreClient,
  load: SentLoad,
  result: Pick<LoadResult, 'stepsOfGroup'>,
  msMax: number,
): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  const spotEvery = Math.max(SPOT_EVERY, Math.ceil(load.series / SPOTS_MAX));
  for (const every of [spotEvery, Math.ceil(load.series / LOOKED_AT_MAX)]) {
    const spots = spotsOf(load, result, every);
    for (;;) {
      const begunMs = performance.now();
      const seen = await countVisible(store, spots);
      if (seen === spots.length) break;
      if (performance.now() > deadlineMs) {
        const missing = spots.length - seen;
        throw new Error(
          `${missing} of ${spots.length} last samples cannot be queried after ${msMax} ms`,
        );
      }
      await sleep(Math.max(POLL_MS, performance.now() - begunMs));
    }
  }
}

interface Spot {
  id: string;
  /** Of its last sample. */
  time: string;
}

function lastTimeOf(
  i: number,
  load: SentLoad,
  { stepsOfGroup }: Pick<LoadResult, 'stepsOfGroup'>,
): string | null {
  const steps = stepsOfGroup[Math.floor(i / load.seriesPerRequest)] ?? 0;
  return steps === 0 ? null : new Date(lastMsOf(load, steps)).toISOString();
}

/** Of so many steps, of which those behind the first may have been left out. */
function lastMsOf({ firstTimeMs, stepMs, stepsLeftOut = 0 }: SentLoad, steps: number): number {
  const last = steps - 1 === stepsLeftOut ? 0 : steps - 1;
  return firstTimeMs + last * stepMs;
}

/**
 * Those of the series to be looked at that were sent. Their ids are computed: to find them by their
 * labels reads all definitions, which while a million come is more work than storing them.
 */
function spotsOf(
  load: SentLoad,
  result: Pick<LoadResult, 'stepsOfGroup'>,
  every: number,
): readonly Spot[] {
  const numbers = Array.from({ length: Math.ceil(load.series / every) }, (_, n) => n * every);
  return numbers.flatMap((i) => {
    const time = lastTimeOf(i, load, result);
    if (time === null) return [];
    const fingerprint = fingerprintOf(TENANT, loadSeries(i, load.metric));
    return [{ id: String(seriesIdOf(fingerprint)), time }];
  });
}

async function countVisible(store: StoreClient, spots: readonly Spot[]): Promise<number> {
  const { seen } = await store.row<{ seen: number }>(
    `SELECT count(*) FILTER (WHERE EXISTS (
       SELECT FROM samples
       WHERE samples.series_id = wanted.series_id AND samples.time = wanted.time
         AND samples.bucket >= date_trunc('minute', wanted.time)
         AND samples.bucket < wanted.time + interval '10 minutes'
       OFFSET 0
     ) AND EXISTS (
       SELECT FROM series WHERE series.series_id = wanted.series_id
       OFFSET 0
     ))::integer AS seen
     FROM unnest($1::bigint[], $2::timestamptz[]) AS wanted(series_id, time)`,
    [spots.map(({ id }) => id), spots.map(({ time }) => time)],
  );
  return seen;
}

/** What is stored of a load, beside what should be. */
export interface StoredLoad {
  rows: number;
  /** Steps that were acknowledged and have no row; rows beside the first of a step. */
  missing: number;
  twice: number;
  series: number;
  /** Each series whose rows are not exactly its steps, with what is wrong: the first few. */
  wrong: string[];
}

/**
 * Counts what is stored of a load: every series must have each of its steps once. Steps are told
 * from one another by number, first and last time, and the sum of their values.
 */
export async function checkStoredLoad(
  store: StoreClient,
  load: SentLoad,
  { stepsOfGroup }: Pick<LoadResult, 'stepsOfGroup'>,
): Promise<StoredLoad> {
  const stored = await store.rows<{
    i: number;
    rows: number;
    times: number;
    total: number;
    first_ms: number;
    last_ms: number;
  }>(
    `SELECT i, count(*)::integer AS rows, count(DISTINCT time)::integer AS times,
       sum(round(value * 100)) AS total,
       extract(epoch FROM min(time))::float8 * 1000 AS first_ms,
       extract(epoch FROM max(time))::float8 * 1000 AS last_ms
     FROM (${LOAD_SERIES}) AS load JOIN samples USING (series_id) GROUP BY i`,
    [load.metric],
  );
  const found = new Map(stored.map((row) => [row.i, row]));
  const { values, stepsLeftOut: leftOut = 0 } = load;
  const wrong: string[] = [];
  let [missing, twice] = [0, 0];
  for (let i = 0; i < load.series; i += 1) {
    const steps = stepsOfGroup[Math.floor(i / load.seriesPerRequest)] ?? 0;
    const place = i % load.seriesPerRequest;
    const row = found.get(i);
    const sent = steps === 0 ? 0 : steps - leftOut;
    missing += Math.max(0, sent - (row?.times ?? 0));
    twice += (row?.rows ?? 0) - (row?.times ?? 0);
    const wanted = {
      rows: sent,
      total:
        loadTotal(values, steps, place) -
        (loadTotal(values, 1 + leftOut, place) - loadTotal(values, 1, place)),
      first_ms: load.firstTimeMs,
      last_ms: lastMsOf(load, steps),
    };
    if (steps === 0 ? row === undefined : row !== undefined && isSame(row, wanted)) continue;
    wrong.push(`series ${i}: ${JSON.stringify(row ?? 'nothing')} not ${JSON.stringify(wanted)}`);
  }
  const rows = stored.reduce((sum, row) => sum + row.rows, 0);
  return { rows, missing, twice, series: stored.length, wrong: wrong.slice(0, 5) };
}

type SeriesTotals = Readonly<Record<'rows' | 'total' | 'first_ms' | 'last_ms', number>>;

function isSame(row: SeriesTotals, wanted: SeriesTotals): boolean {
  const names = ['rows', 'total', 'first_ms', 'last_ms'] as const;
  return names.every((name) => Math.round(row[name]) === Math.round(wanted[name]));
}
