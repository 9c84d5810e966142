import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import {
  historyOf,
  lastStartMs,
  pastOf,
  seeded,
  storedSamplesSql,
  storedWindowsSql,
  windowsOf,
  type CounterSample,
} from '../integration/counter-history.ts';
import { push, until } from '../integration/running-millrace.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { millraceMain } from '../services/repository.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const SOON_MS_MAX = 60_000;
const MINUTE_MS = 60_000;
const LIVE_EVERY_MS = 50;
const METRIC = 'mixed_total';
const AT_ONCE = 500;
const HOSTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'only in the file'];
const PAST = pastOf(150 * MINUTE_MS);
const UNTIL_MS = PAST.fromMs + PAST.lengthMs;

const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('millrace backfill on a cluster', () => {
  let world: DistributedWorld;
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-backfill-'));
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls: ServiceUrls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: 3 });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
  });
  afterEach(async () => {
    await world.remove();
    await rm(directory, { recursive: true });
  });

  test(
    'counts every sample once beside live ones, whoever is killed meanwhile, and completes windows',
    { timeout: 240_000 },
    async () => {
      let receiver = await world.start('receiver');
      let [transformer, writer] = await Promise.all([
        world.start('transformer'),
        world.start('writer'),
      ]);
      const random = seeded(11);
      const all = HOSTS.flatMap((host) => historyOf(PAST, host, random));
      expect(all.length).toBeGreaterThan(4000);
      // What came by itself before: of most series every third one.
      const first = all.filter(({ host }, i) => host !== HOSTS.at(-1) && i % 3 === 0);
      for (let i = 0; i < first.length; i += AT_ONCE) {
        expect(await send(receiver.url, first.slice(i, i + AT_ONCE))).toBe(200);
      }
      const path = await writeCsv(all, new Set(first));

      const live = sendLive(() => receiver.url);
      const killed = begin(path, receiver.url);
      await until('some of it is sent', SOON_MS_MAX, async () => (await sent(path)) >= 2);
      killed.child.kill('SIGKILL');
      await killed.ended;
      const before = await sent(path);
      expect(before).toBeLessThan(all.length / AT_ONCE);

      const sender = begin(path, receiver.url);
      await until('it goes on', SOON_MS_MAX, async () => (await sent(path)) > before);
      [transformer, writer] = await Promise.all([
        world.killAndStartAgain(transformer),
        world.killAndStartAgain(writer),
      ]);
      receiver = await world.killAndStartAgain(receiver);
      expect(await sender.ended, sender.output()).toBe(0);
      expect(sender.output()).toContain('goes on behind');
      expect(sender.output()).toMatch(/windows marked; .* 0 not completable/);
      await live.stop();
      expect(live.accepted()).toBeGreaterThan(50);
      const again = begin(path, receiver.url, '--restart');
      expect(await again.ended, again.output()).toBe(0);

      expect(await storedSamples()).toEqual(textsOf(all.map(sampleOf)));
      const expected = HOSTS.flatMap((host) => windowsOf(all.filter((one) => one.host === host)));
      expect(await storedWindows(lastStartMs(PAST))).toEqual(
        textsOf(expected.filter(({ ms }) => Number(ms) < lastStartMs(PAST))),
      );
      expect(await world.run('ledger')).toContain('It adds up');
      expect(await world.run('audit')).toContain('proven');
    },
  );

  /** In no order, and in places with other values than what came first, which stays. */
  async function writeCsv(
    all: readonly CounterSample[],
    isFirst: ReadonlySet<CounterSample>,
  ): Promise<string> {
    const path = join(directory, 'past.csv');
    const random = seeded(12);
    const lines = all
      .map((one, i) => ({
        at: random(),
        value: isFirst.has(one) && i % 7 === 0 ? -1 : one.value,
        one,
      }))
      .sort((x, y) => x.at - y.at)
      .map(({ value, one: { host, timeMs } }) => {
        return `${new Date(timeMs).toISOString()},${METRIC},${host},${value}`;
      });
    await writeFile(path, ['time,metric,host,value', ...lines, ''].join('\n'));
    return path;
  }

  function begin(path: string, url: string, ...more: string[]) {
    const args = ['backfill', path, '--kind', 'counter', '--at-once', `${AT_ONCE}`, '--rate', '2k'];
    const child = spawn(process.execPath, [millraceMain, ...args, '--url', url, ...more], {
      env: { ...process.env, ...world.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(child, 'close').then(([code]) => code as number | null);
    return { child, ended, output: () => output };
  }

  async function sent(path: string): Promise<number> {
    const text = await readFile(`${path}.millrace-backfill.json`, 'utf8').catch(() => '{}');
    return (JSON.parse(text) as { stretches?: number }).stretches ?? 0;
  }

  /** Of the present, as long as it goes on; what has no answer may count or not. */
  function sendLive(url: () => string) {
    let isOver = false;
    let accepted = 0;
    const running = (async () => {
      for (let value = 0; !isOver; value += 1) {
        const samples = HOSTS.map((host) => ({ host, timeMs: Date.now(), value }));
        const status = await send(url(), samples).catch(() => 0);
        if (status === 200) accepted += 1;
        await sleep(LIVE_EVERY_MS);
      }
    })();
    const stop = async (): Promise<void> => {
      isOver = true;
      await running;
    };
    return { accepted: () => accepted, stop };
  }

  async function storedSamples(): Promise<string[]> {
    const rows = await world.store.rows(storedSamplesSql(METRIC, UNTIL_MS));
    return textsOf(rows.map(plain));
  }

  async function storedWindows(untilMs: number): Promise<string[]> {
    const rows = await world.store.rows(storedWindowsSql(METRIC, untilMs));
    return textsOf(rows.map(plain));
  }
});

async function send(url: string, samples: readonly CounterSample[]): Promise<number> {
  const body = samples.map(({ host, timeMs, value }) => {
    return { name: METRIC, labels: { host }, time: timeMs, value, kind: 'counter' };
  });
  return (await push(url, body)).status;
}

const sampleOf = ({ host, timeMs, value }: CounterSample) => ({ host, ms: timeMs, value });

/** The driver gives large numbers as texts. */
function plain(row: unknown): Record<string, unknown> {
  const fields = Object.entries(row as Record<string, unknown>).map(([name, value]) => {
    return [name, name === 'host' || typeof value === 'boolean' ? value : Number(value)];
  });
  return Object.fromEntries(fields) as Record<string, unknown>;
}

function textsOf(rows: readonly object[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
