import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const TEST_MS_MAX = 180_000;
const SOON_MS_MAX = 60_000;
const MINUTE_MS = 60_000;
const SERIES = 20;
const SAMPLES = 24_000;
const STEP_MS = 15_000;
const AT_ONCE = 1000;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

/** Whole minutes, so that live samples lie on some of the same times. */
const START_MS = Math.floor(Date.now() / MINUTE_MS - 400) * MINUTE_MS;

function sampleAt(i: number): { series: number; timeMs: number; value: number } {
  const step = Math.floor(i / SERIES);
  return { series: i % SERIES, timeMs: START_MS + step * STEP_MS, value: 3 * step + (i % SERIES) };
}

async function writeCsv(name: string): Promise<string> {
  const path = join(playground.path, name);
  const lines = Array.from({ length: SAMPLES }, (_, i) => {
    const { series, timeMs, value } = sampleAt(i);
    return `${new Date(timeMs).toISOString()},work_total,h${series},${value}`;
  });
  await writeFile(path, ['time,metric,host,value', ...lines, ''].join('\n'));
  return path;
}

async function sentStretches(path: string): Promise<number> {
  const text = await readFile(`${path}.millrace-backfill.json`, 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { stretches?: number }).stretches ?? 0;
}

async function killed({ child, ended }: RunningMillrace): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

/** Samples that come by the ordinary way: of times that the file has too, with the same values. */
async function pushLive({ info }: RunningMillrace, from: number, count: number): Promise<void> {
  const samples = Array.from({ length: count }, (_, k) => {
    const { series, timeMs, value } = sampleAt(from + k);
    return {
      ...{ name: 'work_total', labels: { host: `h${series}` } },
      ...{ value, time: timeMs, kind: 'counter' },
    };
  });
  expect((await push(info.url, samples)).accepted).toBe(count);
}

test(
  'every sample of a file counts once, although the sender and Millrace were killed meanwhile',
  { timeout: TEST_MS_MAX },
  async () => {
    let millrace = await playground.up();
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const path = await writeCsv('work.csv');
    // What live traffic had already, in the middle of it and at its end.
    await pushLive(millrace, SAMPLES / 2, 400);
    await pushLive(millrace, SAMPLES - 400, 400);
    const command = ['backfill', path, '--kind', 'counter', '--at-once', String(AT_ONCE)];

    let sender = playground.start([...command, '--rate', '8k']);
    await until('some of it is sent', SOON_MS_MAX, async () => (await sentStretches(path)) >= 4);
    sender.child.kill('SIGKILL');
    await sender.ended;
    const sentBefore = await sentStretches(path);
    expect(sentBefore).toBeLessThan(SAMPLES / AT_ONCE);

    sender = playground.start([...command, '--rate', '8k']);
    await until('more of it is sent', SOON_MS_MAX, async () => {
      return (await sentStretches(path)) >= sentBefore + 3;
    });
    await killed(millrace);
    millrace = await playground.up();
    expect(await sender.ended, sender.output()).toBe(0);
    expect(sender.stderr()).toContain('goes on behind');
    await pushLive(millrace, 0, 400);

    const again = await playground.run(command);
    expect(again.stderr).toContain('was sent before');
    const restarted = await playground.run([...command, '--restart']);
    expect(restarted.code, restarted.stderr).toBe(0);
    await expectOnce();
  },
);

async function expectOnce(): Promise<void> {
  const [found] = await playground.sql<Record<'rows' | 'times' | 'sum', string | number>>(
    `SELECT count(*) AS rows, count(DISTINCT (series_id, time)) AS times, sum(value) AS sum
     FROM series_samples WHERE metric = 'work_total'`,
  );
  let sum = 0;
  for (let i = 0; i < SAMPLES; i += 1) sum += sampleAt(i).value;
  expect(Number(found!.rows)).toBe(SAMPLES);
  expect(Number(found!.times)).toBe(SAMPLES);
  expect(Number(found!.sum)).toBe(sum);
  const ledger = await playground.run(['ledger']);
  expect(ledger.stdout).toContain('It adds up');
  const audit = await playground.run(['audit']);
  expect(audit.stdout, audit.stderr).toContain('proven');
}
