import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import {
  historyOf,
  pastOf,
  seeded,
  storedSamplesSql,
  storedWindowsSql,
  windowsOf,
  type CounterSample,
} from './counter-history.ts';
import { Playground, push, until } from './running-millrace.ts';

const TEST_MS_MAX = 180_000;
const SOON_MS_MAX = 60_000;
const MINUTE_MS = 60_000;
const HOSTS = ['a', 'b', 'c', 'd'];
const PAST = pastOf(60 * MINUTE_MS);
const UNTIL_MS = PAST.fromMs + PAST.lengthMs;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

const writers: Record<string, (metric: string, samples: readonly CounterSample[]) => Uint8Array> = {
  'dump.txt.gz': (metric, samples) =>
    gzipped(
      samples.map(({ host, timeMs, value }) => {
        return `{__name__="${metric}", host="${host}"} ${value} ${timeMs}`;
      }),
    ),
  'past.csv.gz': (metric, samples) =>
    gzipped([
      'time,metric,host,value',
      ...samples.map(({ host, timeMs, value }) => `${timeMs},${metric},${host},${value}`),
    ]),
  'past.parquet': (metric, samples) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'time', data: samples.map(({ timeMs }) => new Date(timeMs)), type: 'TIMESTAMP' },
          { name: 'metric', data: samples.map(() => metric), type: 'STRING' },
          { name: 'value', data: samples.map(({ value }) => value), type: 'DOUBLE' },
          { name: 'host', data: samples.map(({ host }) => host), type: 'STRING' },
        ],
        rowGroupSize: 170,
      }),
    ),
};

test(
  'files of every format are sent, though killed meanwhile; rows and windows are of all samples',
  { timeout: TEST_MS_MAX },
  async () => {
    const millrace = await playground.up();
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const files: { path: string; metric: string; all: CounterSample[] }[] = [];
    for (const [name, write] of Object.entries(writers)) {
      const metric = `of_${name.replaceAll('.', '_')}`;
      const random = seeded(files.length + 3);
      const all = HOSTS.flatMap((host) => historyOf(PAST, host, random));
      const path = join(playground.path, name);
      await writeFile(path, write(metric, all));
      files.push({ path, metric, all });
      // Some of it came by itself before.
      const came = all.filter((_, i) => i % 5 === 0);
      const body = came.map(({ host, timeMs, value }) => {
        return { name: metric, labels: { host }, time: timeMs, value, kind: 'counter' };
      });
      expect((await push(millrace.info.url, body)).accepted).toBe(came.length);
    }
    const paths = files.map(({ path }) => path);
    const command = ['backfill', ...paths, '--kind', 'counter', '--at-once', '100'];
    const killed = playground.start([...command, '--rate', '500']);
    const parquet = paths.at(-1)!;
    await until('some of the last is sent', SOON_MS_MAX, async () => (await sent(parquet)) >= 2);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const { code, stdout, stderr } = await playground.run(command);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`${parquet}: goes on behind`);
    for (const path of paths.slice(0, -1)) expect(stderr).toContain(`${path} was sent before`);
    expect(stdout).toMatch(/ 0 not completable/);
    for (const { metric, all } of files) await expectStored(metric, all);
    expect((await playground.run(['ledger'])).stdout).toContain('It adds up');
  },
);

test(
  'what is bad or of the future is told before anything is sent, left out when asked, and counted',
  { timeout: TEST_MS_MAX },
  async () => {
    await playground.up();
    const metric = 'partly_bad';
    const all = historyOf(PAST, 'a', seeded(9));
    const lines = all.map(({ timeMs, value }) => `${timeMs},${metric},a,${value}`);
    const ahead = [2, 3].map((hours) => `${Date.now() + hours * 60 * MINUTE_MS},${metric},a,7`);
    lines.splice(50, 0, ahead[0]!, `${PAST.fromMs},${metric},a,many`, ahead[1]!);
    const path = join(playground.path, 'bad.csv');
    await writeFile(path, ['time,metric,host,value', ...lines, ''].join('\n'));
    const command = ['backfill', path, '--kind', 'counter', '--at-once', '100'];
    const refused = await playground.run(command);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('BACKFILL_FAULTS: 3 records');
    expect(refused.stderr).toMatch(/bad\.csv:52.*: the time is .*, in the future/);
    expect(refused.stderr).toMatch(/bad\.csv:53:.*the value is "many"/);
    expect((await playground.sql(storedSamplesSql(metric, UNTIL_MS))).length).toBe(0);

    const { code, stdout, stderr } = await playground.run([...command, '--skip-bad']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`${all.length + 2} samples sent: ${all.length} accepted`);
    expect(stdout).toContain('left out as they are bad: 1 records');
    expect(stdout).toContain('2 refused: time_too_far_in_future');
    await expectStored(metric, all);
    const json = await playground.run([...command, '--skip-bad', '--restart', '--json']);
    expect(json.code, json.stderr).toBe(0);
    const { files } = JSON.parse(json.stdout) as { files: unknown[] };
    expect(files).toMatchObject([
      {
        scan: { faults: 3, futures: 2 },
        progress: { rejected: [{ reason: 'time_too_far_in_future', count: 2 }] },
      },
    ]);
    await expectStored(metric, all);
    expect((await playground.run(['ledger'])).stdout).toContain('It adds up');
  },
);

async function expectStored(metric: string, all: readonly CounterSample[]): Promise<void> {
  const rows = await playground.sql<Record<string, unknown>>(storedSamplesSql(metric, UNTIL_MS));
  expect(textsOf(rows)).toEqual(
    textsOf(all.map(({ host, timeMs, value }) => ({ host, ms: timeMs, value }))),
  );
  const windows = await playground.sql<Record<string, unknown>>(storedWindowsSql(metric, UNTIL_MS));
  expect(textsOf(windows)).toEqual(
    textsOf(HOSTS.flatMap((host) => windowsOf(all.filter((one) => one.host === host)))),
  );
}

function textsOf(rows: readonly Record<string, unknown>[]): string[] {
  return rows.map((row) => JSON.stringify({ ...row, ms: Number(row['ms']) })).sort();
}

async function sent(path: string): Promise<number> {
  const text = await readFile(`${path}.millrace-backfill.json`, 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { stretches?: number }).stretches ?? 0;
}

function gzipped(lines: readonly string[]): Uint8Array {
  return gzipSync(`${lines.join('\n')}\n`);
}
