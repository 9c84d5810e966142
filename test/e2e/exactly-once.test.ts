import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from '../integration/running-millrace.ts';
import { readLedger, settledLedger } from '../services/ledger-check.ts';
import { StoreClient } from '../services/store-client.ts';
import { Random } from '../sim/random.ts';
import { naiveWindows, windowName, type NaiveWindow } from './naive-windows.ts';
import { FAMILIES, STEP_MS } from './repeated-families.ts';
import { countSamples, planRepeats } from './repeated-schedule.ts';
import { sendPlanned } from './send-planned.ts';

const SEED = 7;
const STEPS = 1000;
const HOUR_MS = 3_600_000;
const WIDTHS_MS = [5 * 60_000, HOUR_MS];
const SETTLE_MS_MAX = 120_000;
/** Our own metrics come once, at the start: the tables and totals below are all of the test's. */
const QUIET = { env: { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' } };
const OWN_METRICS = `metric LIKE 'millrace\\_%'`;

let playground: Playground;
let millrace: RunningMillrace;
let store: StoreClient;
beforeEach(async () => {
  playground = await Playground.make();
  millrace = await playground.up(QUIET);
  store = await StoreClient.connect(millrace.info);
});
afterEach(async () => {
  await store?.close();
  await playground.remove();
});

describe('every sample counts once', () => {
  test('a million samples sent three times over', { timeout: 300_000 }, async () => {
    // So long ago that every window is over, and no sample is near the end of one.
    const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
    const planned = planRepeats(FAMILIES, STEPS, new Random(SEED));
    const series = FAMILIES.reduce((sum, family) => sum + family.series, 0);
    const distinct = series * STEPS;
    expect([distinct, countSamples(planned)]).toEqual([1_000_000, 3_000_000]);
    const { url } = millrace.info;
    const { retries } = await sendPlanned(planned, { url, connections: 6, firstTimeMs });

    const own = await ownSamples();
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
    expect(await wrongSamples(firstTimeMs)).toEqual([]);
    await expectWindows(firstTimeMs);
  });

  test('equal events of one request, and equal requests of nobody, are not the same', async () => {
    const event = { name: 'clicks', kind: 'event', value: 1, time: Date.now(), labels: { a: 'b' } };
    const { url } = millrace.info;
    expect(await push(url, [event, event])).toMatchObject({ accepted: 2, identity: 'none' });
    expect(await push(url, [event, event])).toMatchObject({ accepted: 2, identity: 'none' });
    const untimed = { name: 'visits', kind: 'event', value: 1 };
    await push(url, untimed);
    await push(url, untimed);
    // Under a key, the whole request is the same, and each of its events still counts.
    await push(url, [event, event], { key: 'once' });
    await push(url, [event, event], { key: 'once', wait: 'stored' });
    const counts = await store.rows(
      `SELECT metric, count(*)::integer AS rows, sum(value) AS sum FROM series_samples
       WHERE metric IN ('clicks', 'visits') GROUP BY metric ORDER BY metric`,
    );
    expect(counts).toEqual([
      { metric: 'clicks', rows: 6, sum: 6 },
      { metric: 'visits', rows: 2, sum: 2 },
    ]);
    await until('the ledger has counted', SETTLE_MS_MAX, async () => {
      return (await readLedger(store)).duplicate === 2;
    });
  });
});

async function ownSamples(): Promise<number> {
  const { rows } = await store.row<{ rows: number }>(
    `SELECT count(*)::integer AS rows FROM series_samples WHERE ${OWN_METRICS}`,
  );
  return rows;
}

/** Series of which not every step is there exactly once. */
async function wrongSamples(firstTimeMs: number): Promise<object[]> {
  const rows = await store.rows<object>(
    `SELECT metric, labels, count(*)::integer AS rows, count(DISTINCT time)::integer AS times,
       min(time) AS first, max(time) AS last
     FROM series_samples WHERE NOT ${OWN_METRICS}
     GROUP BY series_id, metric, labels
     HAVING count(*) <> $1 OR count(DISTINCT time) <> $1
       OR min(time) <> to_timestamp($2::float8 / 1000)
       OR max(time) <> to_timestamp($3::float8 / 1000)`,
    [STEPS, firstTimeMs, firstTimeMs + (STEPS - 1) * STEP_MS],
  );
  return rows.slice(0, 5);
}

/** Every window that the naive computation has, with its very values, and no other. */
async function expectWindows(firstTimeMs: number): Promise<void> {
  const wanted = naiveWindows(FAMILIES, { steps: STEPS, firstTimeMs, widthsMs: WIDTHS_MS });
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
    return open === 0 && samples === WIDTHS_MS.length * STEPS * seriesCount();
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
