import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditReport, FindingKind } from '@millrace/audit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { unpackSamples } from '../services/unpack-samples.ts';
import { CrashWorld } from './crash-world.ts';

const SERIES = 400;
/** So many samples come before the next thing happens. */
const MORE = 12_000;
const WAIT_MS_MAX = 60_000;
/** So long ago that every window is over and becomes final soon. */
const AGE_MS = 3 * 3_600_000;
const METRIC = 'audited';

let world: CrashWorld;
beforeEach(async () => {
  world = await CrashWorld.start();
});
afterEach(async () => await world.remove());

describe('millrace audit', { timeout: 240_000 }, () => {
  test('proves a log that is written to and killed, then names what somebody changed', async () => {
    const run = new LoadRun(loadOf(world.millrace.info.url));
    const over = new AbortController();
    const running = run.run(over.signal);
    await untilMore(run);
    // While samples come in: up to what was applied at one moment.
    const during = await audit();
    expect(during.findings).toEqual([]);
    await untilMore(run);
    await world.killProcess();
    over.abort();
    const { samples } = await running;
    const store = await StoreClient.connect(world.millrace.info);
    try {
      await untilStored(store, samples);
      const after = await audit();
      expect(after.findings).toEqual([]);
      expect(after.rows['samples']).toBeGreaterThanOrEqual(samples);
      const nobody = await world.playground.run(['audit', '--tenant', 'defualt', '--json']);
      expect(`${nobody.code} ${nobody.stderr}`).toMatch(/^1 (.*\n)*AUDIT_TENANT_UNKNOWN: /);
      expect(JSON.parse(nobody.stdout)).toMatchObject({ outcome: 'proven', ledger: [] });
      await until('late windows are stored', WAIT_MS_MAX, async () => {
        const { pieces } = await store.row<{ pieces: number }>(
          'SELECT count(*)::int AS pieces FROM windows',
        );
        return pieces > SERIES;
      });
      const deep = await audit('--deep');
      expect(deep.findings).toEqual([]);
      expect(deep.rows['pieces']).toBeGreaterThan(SERIES);
      await changeAndFind(store);
    } finally {
      await store.close();
    }
  });
});

/** One change at a time: each is found, named, and undone. */
async function changeAndFind(store: StoreClient): Promise<void> {
  await unpackSamples(store, METRIC);
  const series = { condition: `series_id = (SELECT min(series_id) FROM series WHERE metric = $1)` };
  const first = `ctid = (
      SELECT ctid FROM samples_narrow WHERE ${series.condition} ORDER BY time LIMIT 1
    ) AND tableoid = (
      SELECT tableoid FROM samples_narrow WHERE ${series.condition} ORDER BY time LIMIT 1
    )`;
  await expectFound(store, 'row_differs', {
    change: `UPDATE samples_narrow SET value = value + 0.5 WHERE ${first}`,
    undo: `UPDATE samples_narrow SET value = value - 0.5 WHERE ${first}`,
  });
  await expectFound(store, 'row_twice', {
    change: `INSERT INTO samples_narrow SELECT * FROM samples_narrow WHERE ${first}`,
    undo: `DELETE FROM samples_narrow WHERE ${first}`,
  });
  await expectFound(store, 'ledger_count', {
    change: `UPDATE ledger_totals SET stored = stored + 1, duplicate = duplicate - 1
      WHERE partition = 2 AND $1::text IS NOT NULL`,
    undo: `UPDATE ledger_totals SET stored = stored - 1, duplicate = duplicate + 1
      WHERE partition = 2 AND $1::text IS NOT NULL`,
  });
  const piece = `${series.condition} AND start = (
    SELECT min(start) FROM windows WHERE ${series.condition})`;
  await expectFound(store, 'entry_differs', {
    change: `UPDATE windows SET sum = sum + 1 WHERE ${piece}`,
    undo: `UPDATE windows SET sum = sum - 1 WHERE ${piece}`,
    flags: ['--deep'],
  });
  await expectFound(store, 'entry_differs', {
    change: `UPDATE served SET range = tstzrange('2020-01-01', NULL) WHERE $1::text IS NOT NULL`,
    undo: `UPDATE served SET range = tstzrange(NULL, NULL) WHERE $1::text IS NOT NULL`,
    flags: ['--deep'],
  });
  await expectFound(store, 'row_missing', { change: `DELETE FROM samples_narrow WHERE ${first}` });
}

async function expectFound(
  store: StoreClient,
  kind: FindingKind,
  params: Readonly<{ change: string; undo?: string; flags?: readonly string[] }>,
): Promise<void> {
  const { change, undo, flags = [] } = params;
  await store.rows(change, [METRIC]);
  const { code, stdout, stderr } = await world.playground.run(['audit', '--json', ...flags]);
  expect(code).toBe(1);
  const { outcome, findings } = JSON.parse(stdout) as AuditReport;
  expect(outcome).toBe('broken');
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  const { series, partition, message } = findings[0]!;
  if (kind.startsWith('row_')) expect(series).toContain(`${METRIC}{`);
  // What is shown follows from all partitions together.
  if (!message.startsWith('Of rule')) expect(partition).toBeDefined();
  expect(stderr).toContain('AUDIT_BROKEN');
  // What can be attached to a bug, for people and for programs.
  const files = await readdir(world.playground.path);
  const text = files
    .filter((name) => /^millrace-audit-.*\.txt$/.test(name))
    .toSorted()
    .at(-1);
  expect(await readFile(join(world.playground.path, text!), 'utf8')).toContain(message);
  if (undo !== undefined) await store.rows(undo, [METRIC]);
}

async function audit(...flags: readonly string[]): Promise<AuditReport> {
  const { code, stdout, stderr } = await world.playground.run(['audit', '--json', ...flags]);
  expect(`${code} ${stderr}`).toMatch(/^0 /);
  const report = JSON.parse(stdout) as AuditReport;
  expect(report.outcome).toBe('proven');
  return report;
}

async function untilMore(run: LoadRun): Promise<void> {
  const before = run.samples;
  await until('more is acknowledged', WAIT_MS_MAX, async () => run.samples >= before + MORE);
}

async function untilStored(store: StoreClient, samples: number): Promise<void> {
  await until(`${samples} samples are in the ledger`, WAIT_MS_MAX, async () => {
    const { n } = await store.row<{ n: number }>(
      `SELECT count(*)::float8 AS n FROM samples JOIN series USING (series_id) WHERE metric = $1`,
      [METRIC],
    );
    const { stored } = await store.row<{ stored: number }>(
      `SELECT sum(stored)::float8 AS stored FROM ledger`,
      [],
    );
    return n === samples && stored >= samples;
  });
}

function loadOf(url: string): LoadSettings {
  return {
    ...DEFAULT_LOAD,
    ...{ url, metric: METRIC, series: SERIES, seriesPerRequest: 100, connections: 4 },
    // It lasts until the process was killed, however long an audit takes.
    firstTimeMs: Date.now() - AGE_MS,
    ...{ answerMsMax: 30_000, retryMsMax: 300_000, rate: 8000 },
  };
}
