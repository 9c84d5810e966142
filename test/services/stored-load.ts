import type { LoadResult } from '../load/load-run.ts';
import { loadTotal } from '../load/load-values.ts';
import {
  countVisible,
  lastMsOf,
  spotOf,
  untilLastVisible,
  untilVisible,
  type SentLoad,
  type Spot,
} from './last-samples.ts';
import type { StoreClient } from './store-client.ts';

/** So many series are looked at, spread over all requests; rows are counted by `checkStoredLoad`. */
const LOOKED_AT_MAX = 20_000;

/** Series number, as `loadSeries` writes it into the labels. */
const LOAD_SERIES = `
  SELECT series_id,
    right(labels ->> 'endpoint', 4)::integer * 100 + right(labels ->> 'pod', 2)::integer AS i
  FROM series WHERE metric = $1`;

/**
 * Resolves when the last sample of every series (of very many, of many) can be queried, however
 * late its request was taken.
 */
export async function untilLoadVisible(
  store: StoreClient,
  load: SentLoad,
  result: Pick<LoadResult, 'stepsOfGroup'>,
  msMax: number,
): Promise<void> {
  await untilLastVisible(store, load, result, msMax);
  await untilVisible(store, spotsOf(load, result), msMax);
}

/** How many of the series that are looked at lack their last sample now. */
export async function lateSamples(
  store: StoreClient,
  load: SentLoad,
  result: Pick<LoadResult, 'stepsOfGroup'>,
): Promise<number> {
  const spots = spotsOf(load, result);
  return spots.length - (await countVisible(store, spots));
}

function spotsOf(load: SentLoad, result: Pick<LoadResult, 'stepsOfGroup'>): readonly Spot[] {
  const every = Math.ceil(load.series / LOOKED_AT_MAX);
  const numbers = Array.from({ length: Math.ceil(load.series / every) }, (_, n) => n * every);
  return numbers.flatMap((i) => spotOf(i, load, result) ?? []);
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
