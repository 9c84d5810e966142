import type { ReplayReport } from '@millrace/audit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { CrashWorld } from './crash-world.ts';

const SERIES = 200;
const STEPS = 100;
const WAIT_MS_MAX = 60_000;
/** So long ago that every window is over and becomes final at once. */
const AGE_MS = 3 * 3_600_000;
const METRIC = 'replayed';
const MINE = `SELECT series_id FROM series_definitions WHERE metric = '${METRIC}'`;
const SOME = `${MINE} ORDER BY series_id`;

let world: CrashWorld;
let store: StoreClient;
beforeEach(async () => {
  world = await CrashWorld.start();
});
afterEach(async () => {
  await store.close();
  await world.remove();
});

async function replay(exitCode: number, ...flags: readonly string[]): Promise<ReplayReport> {
  const { code, stdout, stderr } = await world.playground.run(['replay', '--json', ...flags]);
  expect(`${code} ${stderr}`).toMatch(exitCode === 0 ? /^0 / : /^1 [^]*REPLAY_DIFFERS/);
  return JSON.parse(stdout) as ReplayReport;
}

const SAME = { missing: 0, changed: 0, unexpected: 0 };

describe('millrace replay', { timeout: 240_000 }, () => {
  test('finds nothing in a healthy store, what somebody damaged, and repairs it', async () => {
    const run = new LoadRun(loadOf(world.millrace.info.url));
    await run.run(new AbortController().signal);
    store = await StoreClient.connect(world.millrace.info);
    const samples = await stored(SERIES * STEPS);
    const healthy = await replay(0);
    expect(healthy.outcome).toBe('same');
    expect(healthy.tables.samples).toMatchObject(SAME);
    expect(healthy.tables.samples.rows).toBeGreaterThanOrEqual(samples);
    expect(healthy.tables.windows).toMatchObject(SAME);
    expect(healthy.tables.windows.rows).toBeGreaterThan(SERIES);
    const whole = await contents();
    await damage();
    const dry = await replay(1);
    const { tables } = dry;
    expect(tables.samples).toMatchObject({ missing: 2 * STEPS, changed: 0, unexpected: 3 });
    expect(tables.windows).toMatchObject({ missing: 2, changed: 1, unexpected: 1 });
    expect(tables.series).toMatchObject({ missing: 1, changed: 1, unexpected: 1 });
    expect(dry.findings.map(({ kind }) => kind)).toContain('row_missing');
    // While others write.
    const more = new LoadRun({ ...loadOf(world.millrace.info.url), metric: 'beside' });
    const sending = more.run(new AbortController().signal);
    const repaired = await replay(0, '--repair');
    expect(repaired.outcome).toBe('repaired');
    for (const table of ['samples', 'windows', 'series'] as const) {
      const { rows: _rows, ...counts } = tables[table];
      expect(repaired.tables[table]).toMatchObject(counts);
    }
    await sending;
    await stored(SERIES * STEPS, 'beside');
    expect(await contents()).toEqual(whole);
    expect((await replay(0)).outcome).toBe('same');
    // What is repaired is stored for good.
    await store.close();
    await world.killProcess();
    store = await StoreClient.connect(world.millrace.info);
    expect(await contents()).toEqual(whole);
  });

  test('looks only at the times it is asked about', async () => {
    const settings = loadOf(world.millrace.info.url);
    const run = new LoadRun(settings);
    await run.run(new AbortController().signal);
    store = await StoreClient.connect(world.millrace.info);
    await stored(SERIES * STEPS);
    await store.rows(`DELETE FROM samples_packed WHERE series_id IN (${SOME} LIMIT 1)`);
    await store.rows(`DELETE FROM samples_head WHERE series_id IN (${SOME} LIMIT 1)`);
    const { tables } = await replay(1);
    const lost = tables.samples.missing;
    const atMs = settings.firstTimeMs + 50 * DEFAULT_LOAD.stepMs;
    const at = new Date(atMs).toISOString();
    const before = await replay(1, '--until', at);
    const after = await replay(1, '--since', at);
    expect(before.tables.samples.missing).toBe(50);
    expect(before.tables.samples.missing + after.tables.samples.missing).toBe(lost);
    const half = await replay(0, '--repair', '--since', at);
    expect(half.repaired).toBe(after.tables.samples.missing);
    expect((await replay(1)).tables.samples.missing).toBe(50);
  });
});

async function stored(samples: number, metric = METRIC): Promise<number> {
  let n = 0;
  await until(`${samples} samples of ${metric} are in the ledger`, WAIT_MS_MAX, async () => {
    ({ n } = await store.row<{ n: number }>(
      'SELECT count(*)::float8 AS n FROM samples JOIN series USING (series_id) WHERE metric = $1',
      [metric],
    ));
    // Windows of 5 minutes and of an hour have all of them, and are over.
    const { over } = await store.row<{ over: number }>(
      `SELECT coalesce(sum(count), 0)::float8 AS over
       FROM windows JOIN series USING (series_id) WHERE metric = $1`,
      [metric],
    );
    return n === samples && over === 2 * samples;
  });
  return n;
}

/** Everything that the damage below is about, as text. */
async function contents(): Promise<unknown> {
  const rows = await store.rows<{ digest: string }>(`
    SELECT md5(string_agg(row::text, '|' ORDER BY row::text)) AS digest FROM (
      SELECT (time, series_id, value, stale, unverified) AS row
      FROM samples WHERE series_id IN (${MINE})
    ) AS all_samples
    UNION ALL
    SELECT md5(string_agg(one::text, '|' ORDER BY one::text)) FROM windows AS one
      WHERE series_id IN (${MINE})
    UNION ALL
    SELECT md5(string_agg(one::text, '|' ORDER BY one::text)) FROM series_definitions AS one
      WHERE metric = '${METRIC}'`);
  return rows;
}

/** One of each kind. */
async function damage(): Promise<void> {
  const nth = (n: number): string => `(${SOME} OFFSET ${n} LIMIT 1)`;
  for (const sql of [
    // Samples: those of two series are gone; one comes twice; others are of nobody.
    ...['samples_packed', 'samples_head'].map((table) => {
      return `DELETE FROM ${table} WHERE series_id IN (${nth(1)}, ${nth(2)})`;
    }),
    `INSERT INTO samples_head SELECT time, bucket, series_id, value, 0, stale, unverified
       FROM samples WHERE series_id = ${nth(103)} ORDER BY time LIMIT 1`,
    `INSERT INTO samples_head SELECT
       time + interval '1 ms', bucket, series_id, value, 1, false, false
       FROM samples WHERE series_id = ${nth(104)} ORDER BY time LIMIT 1`,
    `INSERT INTO samples_head SELECT time, bucket, 4711, value, 2, false, false
       FROM samples WHERE series_id = ${nth(104)} ORDER BY time LIMIT 1`,
    // Windows.
    `DELETE FROM windows WHERE (tableoid, ctid) IN (
       SELECT tableoid, ctid FROM windows WHERE series_id = ${nth(105)} ORDER BY start LIMIT 2)`,
    `UPDATE windows SET sum = sum + 1, max = max * 2 WHERE (tableoid, ctid) IN (
       SELECT tableoid, ctid FROM windows WHERE series_id = ${nth(106)} ORDER BY start LIMIT 1)`,
    `INSERT INTO windows SELECT * FROM windows WHERE series_id = ${nth(107)} ORDER BY start LIMIT 1`,
    // Series.
    `UPDATE series_definitions SET labels = labels || '{"wrong": "yes"}'
       WHERE series_id = ${nth(108)}`,
    `INSERT INTO series_definitions
       SELECT 4712, 1, tenant, 'stranger', labels, kind, first_seen, last_seen
       FROM series_definitions WHERE series_id = ${nth(109)}`,
    `DELETE FROM series_definitions WHERE series_id = ${nth(110)}`,
  ]) {
    await store.rows(sql);
  }
}

function loadOf(url: string): LoadSettings {
  return {
    ...DEFAULT_LOAD,
    ...{ url, metric: METRIC, series: SERIES, seriesPerRequest: 100, connections: 4 },
    ...{ stepsMax: STEPS, firstTimeMs: Date.now() - AGE_MS },
    ...{ answerMsMax: 30_000, retryMsMax: 300_000, rate: 20_000 },
  };
}
