import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchivedLogLook, ArchiveReport } from '@millrace/archive';
import type { AuditReport, ReplayReport } from '@millrace/audit';
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
const GAUGES = 3000;

const RULES = `rules:
  - name: sales
    match: sales_total
    by: [shop]
    widths: [10s, 1m]
    aggregates: [count, sum, min, max, first, last, increase, quantile]
`;

/** What `millrace archive status --json` prints. */
interface ArchiveLook {
  archived: ArchivedLogLook[];
  held: { start: number; archivedTo?: number; gap?: unknown }[];
}

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

    // Of a disk that is not mounted the directory is there, and empty.
    const away = `${archive}-away`;
    await rename(archive, away);
    await mkdir(archive);
    await until('it is told', SOON_MS_MAX, () => isTold(millrace, 'ARCHIVE_NOT_THERE'));
    expect(await refusal('archive', 'verify')).toContain('ARCHIVE_NOT_THERE');
    const since = new Date(fromMs).toISOString();
    const asked = ['reprocess', '--rules', 'millrace.yaml', '--since', since, '--json'];
    const { code, stderr } = await playground.run([...asked, '--detach']);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    await until('the jobs wait', SOON_MS_MAX, async () => {
      const { jobs } = (await command<JobsOfStatus>(0, 'status')).stages.find(isTransformer)!;
      return jobs.length === PARTITIONS && jobs.every(isWaitingForArchive);
    });
    expect(await readdir(archive)).toEqual([]);
    await rm(archive, { recursive: true });
    await rename(away, archive);
    for (const rule of ['sales', 'rollup']) await expectSame(rule, fromMs);
    expect(millrace.output()).not.toMatch(/WRITER_GAP|Job stopped|does not help/);

    // With the archive in front the log is whole, and proves all that is stored.
    const replayed = await command<ReplayReport>(0, 'replay');
    expect(replayed.outcome).toBe('same');
    expect(replayed.partitions.map(({ from }) => from)).toEqual([0, 0]);
    expect(replayed.tables.samples.rows).toBeGreaterThan(REQUESTS * 12 - 1);
    const audited = await command<AuditReport>(0, 'audit', '--archive');
    expect(audited).toMatchObject({ outcome: 'proven', findings: [] });
    expect(audited.partitions.map(({ from }) => from)).toEqual([0, 0]);
    await expectSoundArchive(archive);
    await expectForgotten(millrace);
  },
);

test(
  'while the archive is away the log keeps all, says 503 when it is full, and goes on afterwards',
  { timeout: TEST_MS_MAX },
  async () => {
    // No directory can be made there.
    const place = join(playground.path, 'mounted');
    await writeFile(place, '');
    const full = { MILLRACE_LOG__TOPIC_BYTES_MAX: '4MiB' };
    const env = { ...environment(`file://${place}/archive`), ...full };
    const millrace = await playground.up({ env });
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const fromMs = Date.now() - 60 * MINUTE_MS;
    let sent = 0;
    const send = async (): Promise<number> => {
      const { status } = await push(millrace.info.url, gaugesAt(fromMs + sent * 1000));
      if (status === 200) sent += 1;
      return status;
    };
    await until('the log is full', SOON_MS_MAX, async () => (await send()) === 503);
    const refused = await fetch(`${millrace.info.url}/v1/events`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(gaugesAt(fromMs + sent * 1000)),
    });
    expect(await refused.text()).toContain('until it is stored and, with an archive, archived');
    expect(refused.headers.get('retry-after')).not.toBeNull();
    await until('readiness tells of the archive', SOON_MS_MAX, async () => {
      const answer = await fetch(`${millrace.info.url}/readyz`);
      return (await answer.text()).includes('ARCHIVE_');
    });
    expect(await starts()).toEqual([0, 0]);

    await rm(place);
    await mkdir(place);
    await until('there is room again', 2 * SOON_MS_MAX, async () => (await send()) === 200);
    const archived = join(place, 'archive');
    await until('what was forgotten is archived, without a gap', SOON_MS_MAX, async () => {
      return existsSync(archived) && (await starts()).every((start) => start > 0);
    });
    const look = await command<ArchiveLook>(0, 'archive', 'status');
    for (const { stretches } of look.archived) {
      expect(stretches).toEqual([{ from: 0, to: expect.any(Number) as number }]);
    }
    await until('all is stored', SOON_MS_MAX, async () => {
      const [row] = await playground.sql<{ n: number }>(
        `SELECT count(*)::int AS n FROM series_samples WHERE metric = 'gauge'`,
      );
      return row!.n === sent * GAUGES;
    });
  },
);

async function command<T>(exitCode: number, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await playground.run([...args, '--json']);
  expect(`${code} ${stderr}`).toMatch(new RegExp(`^${exitCode} `));
  return JSON.parse(stdout) as T;
}

/** A process that is told of no archive lets the log forget nothing, until a person says so. */
async function expectForgotten(running: RunningMillrace): Promise<void> {
  running.child.kill('SIGTERM');
  await running.ended;
  const { MILLRACE_ARCHIVE__URL: _url, ...env } = environment('');
  const millrace = await playground.up({ env });
  await until('it is told', SOON_MS_MAX, () => isTold(millrace, 'ARCHIVE_UNSET'));
  const { stdout: told } = await playground.run(['status']);
  expect(told).toMatch(/^archive ARCHIVE_UNSET: This log is bound to an archive/m);
  const before = await starts();
  for (let i = 0; i < FILLER_REQUESTS; i += 1) await pushFiller(millrace);
  await until('it says why it keeps all', SOON_MS_MAX, async () => {
    return millrace.output().includes('this process is told of none');
  });
  expect(await starts()).toEqual(before);
  expect(await refusal('archive', 'forget')).toContain('CONFIRMATION_NEEDED');
  await command(0, 'archive', 'forget', '--yes');
  await until('the log forgets again', SOON_MS_MAX, async () => {
    const now = await starts();
    return now.every((start, partition) => start > before[partition]!);
  });
  await until('all is well', SOON_MS_MAX, async () => !(await isTold(millrace, 'ARCHIVE_')));
}

async function isTold({ info }: RunningMillrace, code: string): Promise<boolean> {
  return (await (await fetch(`${info.url}/readyz`)).text()).includes(code);
}

async function refusal(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await playground.run(args);
  expect(code).toBe(1);
  return stderr;
}

interface JobsOfStatus {
  stages: { stage: string; jobs: { state: string; reason?: { code: string } }[] }[];
}

const isTransformer = ({ stage }: JobsOfStatus['stages'][number]): boolean =>
  stage === 'transformer';
const isWaitingForArchive = (job: JobsOfStatus['stages'][number]['jobs'][number]): boolean =>
  job.state === 'waiting' && job.reason?.code === 'ARCHIVE_NOT_THERE';

/** As the commands tell of it; then a byte of it is changed. */
async function expectSoundArchive(archive: string): Promise<void> {
  const look = await command<ArchiveLook>(0, 'archive', 'status');
  expect(look.held.map(({ gap }) => gap)).toEqual([undefined, undefined]);
  for (const { archivedTo, start } of look.held) expect(archivedTo).toBeGreaterThan(start);
  for (const { stretches, checkpoints } of look.archived) {
    expect(stretches).toEqual([{ from: 0, to: expect.any(Number) as number }]);
    expect(checkpoints).toBeGreaterThan(0);
  }
  const whole = await command<ArchiveReport>(0, 'archive', 'verify');
  expect(whole.samples).toBeGreaterThan(REQUESTS * 12 + FILLER_REQUESTS * FILLER_SERIES - 1);
  const { partitions } = await command<{ partitions: { position: number; end: number }[] }>(
    ...([0, 'archive', 'run', '--all'] as const),
  );
  for (const { position, end } of partitions) expect(end - position).toBeLessThan(5);
  const names = await readdir(archive, { recursive: true });
  const path = join(
    archive,
    names.find((name) => name.endsWith('.records.parquet'))!,
  );
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(bytes[50]! ^ 1, 50, 51));
  const damaged = await command<ArchiveReport>(1, 'archive', 'verify');
  expect(damaged.faults).toEqual([expect.objectContaining({ kind: 'damaged' })]);
}

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

/** Of few series, so that states and checkpoints of them are small. */
function gaugesAt(fromMs: number): unknown[] {
  return Array.from({ length: GAUGES }, (_, n) => ({
    name: 'gauge',
    time: new Date(fromMs + Math.floor(n / 30)).toISOString(),
    value: Math.sin(fromMs + n),
    labels: { n: `${n % 30}` },
  }));
}
