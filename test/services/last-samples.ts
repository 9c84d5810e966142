import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprintOf, partitionOf, seriesIdOf, type Label } from '@millrace/model';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { loadSeries } from '../load/load-series.ts';
import type { StoreClient } from './store-client.ts';

export type SentLoad = Pick<
  LoadSettings,
  'metric' | 'firstTimeMs' | 'stepMs' | 'series' | 'seriesPerRequest' | 'values'
> &
  Partial<Pick<LoadSettings, 'stepsLeftOut'>>;

/** A series and the time of a sample that it must have. */
export interface Spot {
  id: string;
  time: string;
}

/** Of who sends without a token. */
const TENANT = 'default';
const POLL_MS = 50;
/** What is looked at shares the processors: a look takes a tenth of one, however long it takes. */
const PAUSE_PER_LOOK = 9;
/** Far more than are ever under way at once: what was begun before these was acknowledged before. */
const REQUESTS_LOOKED_AT = 64;
/** Divided by every usual number of partitions: who has one of each class has one of each. */
const CLASSES = 48;

/**
 * Resolves when all of them can be queried. The first ones are looked at until they can, and then
 * all: to look at thousands again and again would take a tenth from what is waited for.
 */
export async function untilVisible(
  store: StoreClient,
  spots: readonly Spot[],
  msMax: number,
  table: 'samples' | 'histograms' = 'samples',
): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  let lookedAt = spots.slice(0, CLASSES);
  for (;;) {
    const begunMs = performance.now();
    const isLate = begunMs > deadlineMs;
    if (isLate) lookedAt = [...spots];
    const missing = lookedAt.length - (await countVisible(store, lookedAt, table));
    if (missing === 0 && lookedAt.length === spots.length) return;
    if (isLate) {
      throw new Error(`${missing} of ${spots.length} samples cannot be queried after ${msMax} ms`);
    }
    if (missing === 0) lookedAt = [...spots];
    else await sleep(Math.max(POLL_MS, PAUSE_PER_LOOK * (performance.now() - begunMs)));
  }
}

/**
 * Resolves when the last samples that were sent can be queried, and so all before them: the store
 * gets what a partition has in the log's order, and of each of the last requests one sample of
 * each partition is looked for. Nothing is counted: that would take from what is waited for.
 */
export async function untilLastVisible(
  store: StoreClient,
  load: SentLoad,
  result: Pick<LoadResult, 'stepsOfGroup'>,
  msMax: number,
): Promise<void> {
  await untilVisible(store, lastSpots(load, result), msMax);
}

/** Of the newest requests. */
export function lastSpots(load: SentLoad, result: Pick<LoadResult, 'stepsOfGroup'>): Spot[] {
  const { seriesPerRequest } = load;
  return newestGroups(result).flatMap((group) => {
    const from = group * seriesPerRequest;
    const to = Math.min(from + seriesPerRequest, load.series);
    const numbers = onePerPartition(from, to, (i) => loadSeries(i, load.metric));
    return numbers.flatMap((i) => spotOf(i, load, result) ?? []);
  });
}

/** By class the first of those from `from` to `to`, up to the one that completes them. */
export function onePerPartition(
  from: number,
  to: number,
  labelsOf: (i: number) => readonly Label[],
): number[] {
  const found = new Map<number, number>();
  for (let i = from; i < to && found.size < CLASSES; i += 1) {
    const place = partitionOf(fingerprintOf(TENANT, labelsOf(i)), 0, CLASSES);
    if (!found.has(place)) found.set(place, i);
  }
  return [...found.values()];
}

/** Where the last sample of a series of the load must be; undefined: it has none. */
export function spotOf(
  i: number,
  load: SentLoad,
  { stepsOfGroup }: Pick<LoadResult, 'stepsOfGroup'>,
): Spot | undefined {
  const steps = stepsOfGroup[Math.floor(i / load.seriesPerRequest)] ?? 0;
  if (steps === 0) return undefined;
  return spotAt(loadSeries(i, load.metric), lastMsOf(load, steps));
}

/**
 * The id is computed: to find it by the labels reads all definitions, which while a million come
 * is more work than storing them.
 */
export function spotAt(labels: readonly Label[], timeMs: number): Spot {
  const id = String(seriesIdOf(fingerprintOf(TENANT, labels)));
  return { id, time: new Date(timeMs).toISOString() };
}

/** Of so many steps, of which those behind the first may have been left out. */
export function lastMsOf(
  { firstTimeMs, stepMs, stepsLeftOut = 0 }: SentLoad,
  steps: number,
): number {
  const last = steps - 1 === stepsLeftOut ? 0 : steps - 1;
  return firstTimeMs + last * stepMs;
}

/** How many of them can be queried, with their series' names. */
export async function countVisible(
  store: StoreClient,
  spots: readonly Spot[],
  table: 'samples' | 'histograms' = 'samples',
): Promise<number> {
  const { seen } = await store.look<{ seen: number }>(lookFor(table), [
    spots.map(({ id }) => id),
    spots.map(({ time }) => time),
  ]);
  return seen;
}

/** Each is looked up on its own: OFFSET keeps the planner from joining them with all there are. */
export function lookFor(table: 'samples' | 'histograms'): string {
  return `SELECT count(*) FILTER (WHERE EXISTS (
       SELECT FROM ${table} AS one
       WHERE one.series_id = wanted.series_id AND one.time = wanted.time
         AND one.bucket >= date_trunc('minute', wanted.time)
         AND one.bucket < wanted.time + interval '10 minutes'
       OFFSET 0
     ) AND EXISTS (
       SELECT FROM series WHERE series.series_id = wanted.series_id
       OFFSET 0
     ))::integer AS seen
     FROM unnest($1::bigint[], $2::timestamptz[]) AS wanted(series_id, time)`;
}

/** Requests are begun group by group, step by step. */
export function newestGroups({ stepsOfGroup }: Pick<LoadResult, 'stepsOfGroup'>): number[] {
  const groups = stepsOfGroup.length;
  const numbers = stepsOfGroup.map((steps, group) => (steps - 1) * groups + group);
  return numbers
    .map((number, group) => ({ number, group }))
    .toSorted((a, b) => b.number - a.number)
    .slice(0, REQUESTS_LOOKED_AT)
    .map(({ group }) => group);
}
