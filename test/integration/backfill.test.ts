import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import {
  historyOf,
  lastStartMs,
  pastOf,
  seeded,
  storedSamplesSql,
  storedWindowsSql,
  windowsOf,
  type CounterSample,
} from './counter-history.ts';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const TEST_MS_MAX = 300_000;
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

const PAST = pastOf(100 * MINUTE_MS);

async function pushSamples(
  { info }: RunningMillrace,
  samples: readonly CounterSample[],
): Promise<void> {
  const body = samples.map(({ host, timeMs, value }) => {
    return { name: 'mixed_total', labels: { host }, time: timeMs, value, kind: 'counter' };
  });
  expect((await push(info.url, body)).accepted).toBe(samples.length);
}

test(
  'a file in no order, beside live samples and partly the same: rows and windows are of all samples',
  { timeout: TEST_MS_MAX },
  async () => {
    const millrace = await playground.up();
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const random = seeded(7);
    const hosts = ['a', 'b', 'c', 'd', 'only in the file'];
    const all = hosts.flatMap((host) => historyOf(PAST, host, random));
    // What comes first: of three series every third one, of a fourth the last ones.
    const first = all.filter(({ host, timeMs }, i) => {
      if (host === 'd') return timeMs >= PAST.fromMs + PAST.lengthMs / 2;
      return host !== 'only in the file' && i % 3 === 0;
    });
    await pushSamples(millrace, first);
    const isFirst = new Set(first);
    // The file says otherwise in places: what came first stays.
    const inFile = all
      .map((one, i) => (isFirst.has(one) && i % 7 === 0 ? { ...one, value: -1 } : one))
      .map((one) => ({ one, at: random() }))
      .sort((x, y) => x.at - y.at)
      .map(({ one }) => one);
    const path = join(playground.path, 'mixed.jsonl');
    const lines = inFile.map(({ host, timeMs, value }) => {
      return JSON.stringify({ name: 'mixed_total', labels: { host }, value, time: timeMs });
    });
    await writeFile(path, `${lines.join('\n')}\n`);

    let isSending = true;
    const live = (async () => {
      for (let value = 0; isSending; value += 1) {
        await pushSamples(
          millrace,
          hosts.map((host) => ({ host, timeMs: Date.now(), value })),
        );
      }
    })();
    const sent = await playground.run(['backfill', path, '--kind', 'counter', '--at-once', '300']);
    isSending = false;
    await live;
    expect(sent.code, sent.stderr).toBe(0);
    expect(sent.stdout).toMatch(/windows marked; .* 0 not completable/);

    const untilMs = PAST.fromMs + PAST.lengthMs;
    const rows = await playground.sql<{ host: string; ms: number; value: number }>(
      storedSamplesSql('mixed_total', untilMs),
    );
    expect(rows.map(({ host, ms, value }) => `${host} ${Number(ms)} ${value}`).sort()).toEqual(
      all.map(({ host, timeMs, value }) => `${host} ${timeMs} ${value}`).sort(),
    );
    const windows = await playground.sql<Record<string, unknown>>(
      storedWindowsSql('mixed_total', untilMs),
    );
    const textsOf = (some: readonly Record<string, unknown>[]): string[] => {
      return some.map((one) => JSON.stringify({ ...one, ms: Number(one['ms']) })).sort();
    };
    const isLast = ({ ms }: Record<string, unknown>): boolean => Number(ms) === lastStartMs(PAST);
    const expected = hosts.flatMap((host) => windowsOf(all.filter((one) => one.host === host)));
    expect(textsOf(windows.filter((one) => !isLast(one)))).toEqual(
      textsOf(expected.filter((one) => !isLast(one))),
    );
    const last = windows.filter(isLast).map(({ host, marked }) => ({ host, marked }));
    expect(last).toHaveLength(hosts.length);
    expect(last).toEqual(expect.arrayContaining(hosts.map((host) => ({ host, marked: true }))));
    const ledger = await playground.run(['ledger']);
    expect(ledger.stdout).toContain('It adds up');
  },
);
