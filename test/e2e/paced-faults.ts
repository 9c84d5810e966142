import { until } from '../integration/running-millrace.ts';
import { settledLedger } from '../services/ledger-check.ts';
import type { StoreClient } from '../services/store-client.ts';
import type { NaiveWindow } from './naive-windows.ts';
import { windowName } from './naive-windows.ts';
import {
  counterValue,
  countEvents,
  countPaced,
  pacedWindows,
  SHAPE,
  type PacedSamples,
} from './paced-samples.ts';

/** The widths that every series has roll-ups of. */
const WIDTHS_MS = [5 * 60_000, 60 * 60_000];
const EXAMPLES_MAX = 5;

/**
 * Whatever is not as it must be after one or more paced loads, everything of which was
 * acknowledged: each sample stored once, counted once and folded once. Empty when all is well.
 */
export async function pacedFaults(
  store: StoreClient,
  loads: readonly PacedSamples[],
  msMax: number,
): Promise<string[]> {
  const distinct = loads.reduce((sum, sent) => sum + countPaced(sent), 0);
  const again = loads.reduce((sum, { sentAgain }) => sum + sentAgain, 0);
  const { ledger, fault } = await settledLedger(store, distinct, msMax);
  const faults = fault === undefined ? [] : [`ledger: ${fault}`];
  // An attempt that got no acknowledgement may be in the log as well.
  if (ledger.accepted > distinct + again) {
    faults.push(`ledger: ${ledger.accepted} accepted, ${distinct} + ${again} sent`);
  }
  if (ledger.stored !== distinct) faults.push(`ledger: ${ledger.stored} stored of ${distinct}`);
  for (const name of ['conflict', 'dropped', 'unverified', 'deadLetter'] as const) {
    if (ledger[name] !== 0) faults.push(`ledger: ${name} ${ledger[name]}`);
  }
  for (const sent of loads) {
    faults.push(...(await sampleFaults(store, sent)), ...(await windowFaults(store, sent, msMax)));
  }
  return faults;
}

async function sampleFaults(store: StoreClient, sent: PacedSamples): Promise<string[]> {
  const metric = `${sent.name}_orders`;
  // The value of an event is its number.
  const events = await store.rows<{ id: number; times: number }>(
    `SELECT coalesce(id, value)::float8 AS id, count(value)::integer AS times
     FROM generate_series(0, $2::integer - 1) AS id
     FULL JOIN (SELECT value FROM series_samples WHERE metric = $1) AS stored ON value = id
     GROUP BY 1 HAVING count(value) <> 1 OR bool_or(id IS NULL) ORDER BY 1`,
    [metric, countEvents(sent)],
  );
  const faults = events.map(({ id, times }) => `event ${id} of ${metric} is stored ${times} times`);
  const counters = await store.rows<{ number: number; rows: number; times: number; sum: number }>(
    `SELECT (labels ->> 'number')::integer AS number, count(*)::integer AS rows,
       count(DISTINCT time)::integer AS times, sum(value) AS sum
     FROM series_samples WHERE metric = $1 GROUP BY 1`,
    [`${sent.name}_requests_total`],
  );
  const found = new Map(counters.map((row) => [row.number, row]));
  for (const [number, steps, sum] of counterTotals(sent)) {
    const row = found.get(number);
    const { rows = 0, times = 0, sum: stored = 0 } = row ?? {};
    if (rows === steps && times === steps && stored === sum) continue;
    faults.push(`counter ${number} of ${sent.name}: ${JSON.stringify(row)}, ${steps} sent`);
  }
  return atMost(faults);
}

/** Of each counter: number, steps, and the sum of its values. */
function counterTotals(sent: PacedSamples): [number: number, steps: number, sum: number][] {
  return sent.steps.flatMap((steps, lane) =>
    Array.from({ length: SHAPE.seriesPerLane }, (_, i): [number, number, number] => {
      const number = lane * SHAPE.seriesPerLane + i;
      let sum = 0;
      for (let step = 0; step < steps; step += 1) sum += counterValue(number, step);
      return [number, steps, sum];
    }),
  );
}

/** Every window that the naive computation has, with its very values, and no other. */
async function windowFaults(
  store: StoreClient,
  sent: PacedSamples,
  msMax: number,
): Promise<string[]> {
  const wanted = pacedWindows(sent, WIDTHS_MS);
  let faults: string[] = [];
  try {
    // The last pieces become final with the next second of partition time.
    await until('the windows are as they must be', msMax, async () => {
      faults = differences(await readWindows(store, sent.name), wanted);
      return faults.length === 0;
    });
    return [];
  } catch (error) {
    return [...atMost(faults), String(error)];
  }
}

interface StoredWindow extends Omit<NaiveWindow, 'increase'> {
  metric: string;
  number: number;
  width_ms: number;
  start_ms: number;
  increase: number | null;
  marked: boolean;
}

async function readWindows(store: StoreClient, name: string): Promise<StoredWindow[]> {
  return await store.rows<StoredWindow>(
    `SELECT metric, (labels ->> 'number')::integer AS number,
       extract(epoch FROM width)::float8 * 1000 AS width_ms,
       extract(epoch FROM start)::float8 * 1000 AS start_ms,
       count::integer, sum, min, max, first, last, increase, marked
     FROM series_windows WHERE metric IN ($1, $2)`,
    [`${name}_orders`, `${name}_requests_total`],
  );
}

function differences(
  rows: readonly StoredWindow[],
  wanted: ReadonlyMap<string, NaiveWindow>,
): string[] {
  const found = new Set<string>();
  const faults: string[] = [];
  for (const row of rows) {
    const name = windowName(row.metric, row.number, row.width_ms, row.start_ms);
    found.add(name);
    const want = wanted.get(name);
    if (want !== undefined && isSame(row, want)) continue;
    faults.push(`window ${name}: ${JSON.stringify(row)} instead of ${JSON.stringify(want)}`);
  }
  for (const name of wanted.keys()) {
    if (!found.has(name)) faults.push(`window ${name} is missing`);
  }
  return faults;
}

function isSame(row: StoredWindow, want: NaiveWindow): boolean {
  const names = ['count', 'sum', 'min', 'max', 'first', 'last'] as const;
  if (!names.every((name) => row[name] === want[name])) return false;
  return (want.increase === undefined || row.increase === want.increase) && !row.marked;
}

function atMost(faults: readonly string[]): string[] {
  const more = faults.length - EXAMPLES_MAX;
  if (more <= 0) return [...faults];
  return [...faults.slice(0, EXAMPLES_MAX), `and ${more} more like these`];
}
