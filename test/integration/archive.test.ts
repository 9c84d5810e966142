import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import { openSegmentView } from '@millrace/stream/segment';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { editionWindowsSql } from './edition-windows.ts';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const PARTITIONS = 2;
const MINUTE_MS = 60_000;
const TEST_MS_MAX = 180_000;
const SOON_MS_MAX = 60_000;
const REQUESTS = 40;
/** Of labels, so that a partition of the log has more than its segments may have. */
const FILLER_SERIES = 1500;
const FILLER_REQUESTS = 5;

const RULES = `rules:
  - name: sales
    match: sales_total
    by: [shop]
    widths: [10s, 1m]
    aggregates: [count, sum, min, max, first, last, increase, quantile]
`;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
  await writeFile(join(playground.path, 'millrace.yaml'), RULES);
});
afterEach(async () => await playground.remove());

test(
  'what the log has forgotten is folded again from the archive, and is the same',
  { timeout: TEST_MS_MAX },
  async () => {
    const archive = join(playground.path, 'archive');
    const millrace = await playground.up({ env: environment(`file://${archive}`) });
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const fromMs = Math.floor(Date.now() / MINUTE_MS - 40) * MINUTE_MS;
    for (let i = 0; i < REQUESTS; i += 1) await pushSales(millrace, fromMs, i);
    for (let i = 0; i < FILLER_REQUESTS; i += 1) await pushFiller(millrace);
    await until('the log has forgotten how it began', SOON_MS_MAX, async () => {
      return (await starts()).every((start) => start > 0);
    });
    const files = await readdir(archive, { recursive: true });
    expect(files.filter((name) => name.endsWith('.records.parquet')).length).toBeGreaterThan(4);

    const since = new Date(fromMs).toISOString();
    const asked = ['reprocess', '--rules', 'millrace.yaml', '--since', since, '--json'];
    const { code, stderr } = await playground.run(asked);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    for (const rule of ['sales', 'rollup']) await expectSame(rule, fromMs);
    expect(millrace.output()).not.toMatch(/WRITER_GAP|Job stopped|does not help/);
  },
);

function environment(url: string): Record<string, string> {
  return {
    MILLRACE_PARTITIONS: `${PARTITIONS}`,
    MILLRACE_ARCHIVE__URL: url,
    MILLRACE_ARCHIVE__RANGE_BYTES_MAX: '512KiB',
    MILLRACE_ARCHIVE__RANGE_MS_MAX: '1s',
    MILLRACE_ARCHIVE__CHECKPOINT_MS: '2s',
    MILLRACE_CHECKPOINT__INTERVAL_MS: '1s',
    MILLRACE_LOG__SEGMENT_BYTES: '1MiB',
    MILLRACE_LOG__RETENTION_BYTES: '1',
    MILLRACE_TRANSFORMER__COMMIT_MS: '500ms',
  };
}

async function starts(): Promise<number[]> {
  const directory = join(playground.dataDir, 'log');
  const view = await openSegmentView({ directory, clock: systemClock });
  try {
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const bounds = await Promise.all(all.map((one) => view.bounds(TOPIC_EVENTS, one)));
    return bounds.map(({ start }) => start);
  } finally {
    await view.close();
  }
}

/** Both editions of a rule have the same windows, as soon as all is stored. */
async function expectSame(rule: string, sinceMs: number): Promise<void> {
  const untilMs = sinceMs + 20 * MINUTE_MS;
  const read = async (turn: number): Promise<unknown[]> =>
    await playground.sql(editionWindowsSql({ rule, turn, sinceMs, untilMs }));
  let inForce: unknown[] = [];
  let beside: unknown[] = [];
  await until(`windows of ${rule} are the same`, SOON_MS_MAX, async () => {
    [inForce, beside] = [await read(1), await read(2)];
    return JSON.stringify(inForce) === JSON.stringify(beside);
  }).catch(() => expect(beside).toEqual(inForce));
  expect(inForce.length).toBeGreaterThan(rule === 'sales' ? 50 : 3);
}

/** Counters of some shops, some of which come late. */
async function pushSales({ info }: RunningMillrace, fromMs: number, i: number): Promise<void> {
  const at = i % 7 === 6 ? i - 4 : i;
  const samples = Array.from({ length: 12 }, (_, n) => ({
    name: 'sales_total',
    kind: 'cumulative',
    time: new Date(fromMs + at * 30_000 + n * 10).toISOString(),
    value: i * (n + 1) + (i % 3),
    labels: { shop: `shop-${n % 3}`, till: `till-${n}` },
  }));
  const { status } = await push(info.url, samples, { wait: 'stored' });
  expect(status).toBe(200);
}

async function pushFiller({ info }: RunningMillrace): Promise<void> {
  const samples = Array.from({ length: FILLER_SERIES }, (_, n) => ({
    name: 'filler',
    time: new Date().toISOString(),
    value: n,
    labels: { noise: randomBytes(450).toString('hex') },
  }));
  const { status } = await push(info.url, samples, { wait: 'stored' });
  expect(status).toBe(200);
}
