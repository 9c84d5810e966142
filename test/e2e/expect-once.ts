import { expect } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { settledLedger } from '../services/ledger-check.ts';
import type { StoreClient } from '../services/store-client.ts';
import { Random } from '../sim/random.ts';
import { naiveWindows, windowName, type NaiveWindow } from './naive-windows.ts';
import { FAMILIES, STEP_MS } from './repeated-families.ts';
import { countSamples, planRepeats, type Planned } from './repeated-schedule.ts';
import type { SentTotals } from './send-planned.ts';

/** So many of all series are a million samples. */
export const MILLION_STEPS = 1000;
const HOUR_MS = 3_600_000;
const WIDTHS_MS = [5 * 60_000, HOUR_MS];
const SETTLE_MS_MAX = 120_000;
const OWN_METRICS = `metric LIKE 'millrace\\_%'`;

/** Samples, each three times over. */
export interface RepeatedSamples {
  /** Of each series. */
  steps: number;
  planned: Planned[];
  firstTimeMs: number;
}

export function planRepeated(seed: number, steps: number): RepeatedSamples {
  const planned = planRepeats(FAMILIES, steps, new Random(seed));
  expect([seriesCount(), countSamples(planned)]).toEqual([1000, 3000 * steps]);
  // So long ago that every window is over, and no sample is near the end of one.
  const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
  return { steps, planned, firstTimeMs };
}

type Times = Pick<RepeatedSamples, 'steps' | 'firstTimeMs'>;

/** What was sent is stored once, counted once, and accounted for. */
export async function expectOnce(
  store: StoreClient,
  { steps, planned, firstTimeMs }: RepeatedSamples,
  { retries }: SentTotals,
): Promise<void> {
  const own = await ownSamples(store);
  const distinct = seriesCount() * steps;
  const accepted = countSamples(planned) + own;
  const { ledger, fault } = await settledLedger(store, accepted, SETTLE_MS_MAX);
  expect(fault).toBeUndefined();
  // A request that got no answer may be in the log as well.
  expect(ledger.accepted).toBeLessThanOrEqual(accepted + retries);
  expect(ledger).toMatchObject({
    stored: distinct + own,
    duplicate: ledger.accepted - distinct - own,
    conflict: 0,
    dropped: 0,
    unverified: 0,
    deadLetter: 0,
  });
  expect(await wrongSamples(store, { steps, firstTimeMs })).toEqual([]);
  await expectWindows(store, { steps, firstTimeMs });
}

/** Samples of our own metrics: they come by themselves, and are left out of everything below. */
export async function ownSamples(store: StoreClient): Promise<number> {
  const { rows } = await store.row<{ rows: number }>(
    `SELECT count(*)::integer AS rows FROM series_samples WHERE ${OWN_METRICS}`,
  );
  return rows;
}

/** Series of which not every step is there exactly once. */
async function wrongSamples(store: StoreClient, { steps, firstTimeMs }: Times): Promise<object[]> {
  const rows = await store.rows<object>(
    `SELECT metric, labels, count(*)::integer AS rows, count(DISTINCT time)::integer AS times,
       min(time) AS first, max(time) AS last
     FROM series_samples WHERE NOT ${OWN_METRICS}
     GROUP BY series_id, metric, labels
     HAVING count(*) <> $1 OR count(DISTINCT time) <> $1
       OR min(time) <> to_timestamp($2::float8 / 1000)
       OR max(time) <> to_timestamp($3::float8 / 1000)`,
    [steps, firstTimeMs, firstTimeMs + (steps - 1) * STEP_MS],
  );
  return rows.slice(0, 5);
}

/** Every window that the naive computation has, with its very values, and no other. */
async function expectWindows(store: StoreClient, { steps, firstTimeMs }: Times): Promise<void> {
  const wanted = naiveWindows(FAMILIES, { steps, firstTimeMs, widthsMs: WIDTHS_MS });
  // The last pieces become final with the next second of partition time.
  await until('every window is complete', SETTLE_MS_MAX, async () => {
    const { open } = await store.row<{ open: number }>(
      `SELECT count(*)::integer AS open FROM windows_open JOIN series USING (series_id)
       WHERE NOT ${OWN_METRICS}`,
    );
    const { samples } = await store.row<{ samples: number }>(
      `SELECT coalesce(sum(count), 0)::integer AS samples FROM windows
       JOIN series USING (series_id) WHERE NOT ${OWN_METRICS}`,
    );
    return open === 0 && samples === WIDTHS_MS.length * steps * seriesCount();
  });
  const rows = await store.rows<StoredWindow>(
    `SELECT metric, (labels ->> 'number')::integer AS series,
       extract(epoch FROM width)::float8 * 1000 AS width_ms,
       extract(epoch FROM start)::float8 * 1000 AS start_ms,
       count::integer, sum, min, max, first, last, increase, marked, complete
     FROM series_windows WHERE NOT ${OWN_METRICS}`,
  );
  const wrong: string[] = [];
  for (const row of rows) {
    const name = windowName(row.metric, row.series, row.width_ms, row.start_ms);
    const want = wanted.get(name);
    wanted.delete(name);
    if (want === undefined || !isSame(row, want)) {
      wrong.push(`${name}: ${JSON.stringify(row)} instead of ${JSON.stringify(want)}`);
    }
  }
  for (const name of wanted.keys()) wrong.push(`missing: ${name}`);
  expect(wrong.slice(0, 5)).toEqual([]);
}

interface StoredWindow extends Omit<NaiveWindow, 'increase'> {
  metric: string;
  series: number;
  width_ms: number;
  start_ms: number;
  increase: number | null;
  marked: boolean;
  complete: boolean;
}

function isSame(row: StoredWindow, want: NaiveWindow): boolean {
  const names = ['count', 'sum', 'min', 'max', 'first', 'last'] as const;
  if (!names.every((name) => row[name] === want[name])) return false;
  if (want.increase !== undefined && row.increase !== want.increase) return false;
  return row.complete && !row.marked;
}

function seriesCount(): number {
  return FAMILIES.reduce((sum, family) => sum + family.series, 0);
}
