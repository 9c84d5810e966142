import type { LedgerReport } from '@millrace/store';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { LatePort } from '../services/late-port.ts';
import {
  runCommandLine,
  spawnStage,
  untilReady,
  type Environment,
  type StageName,
  type StageProcess,
} from '../services/stage-processes.ts';
import { Playground, push, until } from './running-millrace.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 3;
const SOON_MS_MAX = 60_000;
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('the process of a stage', { timeout: 240_000 }, () => {
  let world: DistributedWorld;
  let urls: ServiceUrls;
  let closers: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    closers = [];
    await world.remove();
  });

  const spawn = async (stage: StageName, more: Environment = {}): Promise<StageProcess> => {
    const spawned = await spawnStage(stage, { ...world.environment, ...more });
    closers.push(() => spawned.kill());
    return spawned;
  };
  const late = async (service: string): Promise<LatePort> => {
    const port = await LatePort.of(service);
    closers.push(() => port.close());
    return port;
  };
  const through = (url: string, { port }: LatePort): string => {
    const changed = new URL(url);
    changed.host = `127.0.0.1:${port}`;
    return changed.href;
  };

  test('waits for what is away, says so once, and goes on when it is there', async () => {
    const kafka = await late(urls.kafka);
    const redis = await late(urls.redis);
    const database = await late(urls.timescale);
    const [receiver, transformer, writer] = await Promise.all([
      spawn('receiver', { KAFKA_BROKERS: `127.0.0.1:${kafka.port}` }),
      spawn('transformer', { REDIS_URL: through(urls.redis, redis) }),
      spawn('writer', { DATABASE_URL: through(world.environment['DATABASE_URL']!, database) }),
    ]);
    await untilUnready(receiver, 'STREAM_UNREACHABLE');
    await untilUnready(transformer, 'STATE_UNREACHABLE');
    await untilUnready(writer, 'STORE_UNREACHABLE');
    for (const { url } of [receiver, transformer, writer]) {
      // Not ready, and all the same alive: nobody should restart it for that.
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('millrace_process_');
    }
    const refused = await fetch(`${receiver.url}/v1/events`, { method: 'POST', body: '{}' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    for (const port of [kafka, redis, database]) await port.open();
    for (const one of [receiver, transformer, writer]) await untilReady(one);
    expect(await push(receiver.url, { name: 'a', value: 1 }, { wait: 'stored' })).toMatchObject({
      accepted: 1,
      stored: true,
    });
    for (const { output } of [receiver, writer]) {
      expect(output().split('The process waits for what it needs.').length).toBe(2);
      expect(output()).toContain('It is there now.');
    }
    for (const one of [receiver, transformer, writer]) expect(await one.stop()).toBe(0);
  });

  test('takes data while everything behind the log is away', async () => {
    const redis = await late(urls.redis);
    const database = await late(urls.timescale);
    const away = {
      REDIS_URL: through(urls.redis, redis),
      DATABASE_URL: through(world.environment['DATABASE_URL']!, database),
    };
    const receiver = await spawn('receiver', away);
    await untilReady(receiver);
    const answer = await push(receiver.url, { name: 'b', value: 7 });
    expect(answer).toMatchObject({ status: 200, accepted: 1 });
    const unknown = `${receiver.url}/api/v1/positions?token=${answer.token}`;
    expect(await (await fetch(unknown)).json()).toMatchObject({ stored: false });
    await untilDegraded(receiver, 'store');
    const [transformer, writer] = await Promise.all([
      spawn('transformer', away),
      spawn('writer', away),
    ]);
    for (const port of [redis, database]) await port.open();
    for (const one of [transformer, writer]) await untilReady(one);
    const waiting = `${unknown}&wait=stored&timeout=30s`;
    expect(await (await fetch(waiting)).json()).toMatchObject({ stored: true });
  });

  test('without a view of the store tells who asks for it where to get one', async () => {
    const receiver = await spawn('receiver', { DATABASE_URL: '' });
    await untilReady(receiver);
    const asked = await fetch(`${receiver.url}/v1/events?wait=stored`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'a', value: 1 }),
    });
    expect(asked.status).toBe(501);
    expect(await asked.json()).toMatchObject({ remedy: expect.stringContaining('DATABASE_URL') });
  });

  test('is set up by setup, which plans first, and may run twice at once', async () => {
    const database = `${new URL(world.environment['DATABASE_URL']!).pathname.slice(1)}_late`;
    await world.store.rows(`CREATE DATABASE ${database} TEMPLATE template0`);
    closers.push(() => world.store.rows(`DROP DATABASE ${database} WITH (FORCE)`));
    const url = new URL(urls.timescale);
    url.pathname = `/${database}`;
    const prefix = `${world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!}late.`;
    const more = {
      DATABASE_URL: url.href,
      MILLRACE_KAFKA__TOPIC_PREFIX: prefix,
      MILLRACE_REDIS__KEY_PREFIX: prefix,
      MILLRACE_PARTITIONS: '5',
    };
    const [receiver, transformer, writer] = await Promise.all([
      spawn('receiver', more),
      spawn('transformer', more),
      spawn('writer', more),
    ]);
    for (const one of [receiver, transformer, writer]) await untilUnready(one, 'millrace setup');
    const setUp = async (...args: string[]): Promise<SetupReport> => {
      const text = await runCommandLine(['setup', '--json', ...args], {
        ...world.environment,
        ...more,
      });
      return JSON.parse(text) as SetupReport;
    };
    for (let i = 0; i < 2; i += 1) {
      // A plan changes nothing: the second one says the same.
      const plan = await setUp('--plan');
      expect(plan).toMatchObject({
        plan: true,
        topics: ['events', 'series', 'control', 'checkpoints'].map((name) => ({
          topic: `${prefix}metrics.${name}`,
          action: 'create',
        })),
        log: { begun: [0, 1, 2, 3, 4], rules: [] },
        store: { layout: 'hypertables' },
      });
      expect(plan.store.steps.length).toBeGreaterThan(3);
    }
    await untilUnready(writer, 'millrace setup');
    await Promise.all([setUp(), setUp(), setUp()]);
    expect(await setUp('--plan')).toMatchObject({
      topics: [5, 5, 1, 5].map((partitions) => ({ action: 'keep', partitions })),
      log: { begun: [] },
      store: { steps: [] },
    });
    for (const one of [receiver, transformer, writer]) await untilReady(one);
    await push(receiver.url, { name: 'a', value: 1 }, { wait: 'stored' });
  });

  test('stays up when only a person can mend it, and goes on after that', async () => {
    const first = await Promise.all([spawn('receiver'), spawn('transformer'), spawn('writer')]);
    for (const one of first) await untilReady(one);
    await push(first[0].url, { name: 'a', value: 1 }, { wait: 'stored' });
    for (const one of first) expect(await one.stop()).toBe(0);
    // The same state and tables, and a log that they were not made from.
    const prefix = `${world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!}other.`;
    const other = { MILLRACE_KAFKA__TOPIC_PREFIX: prefix, MILLRACE_PARTITIONS: '3' };
    const environment = { ...world.environment, ...other };
    await runCommandLine(['setup'], environment);
    const transformer = await spawn('transformer', other);
    await untilUnready(transformer, 'TRANSFORMER_OTHER_LOG');
    const again = await untilUnready(transformer, 'millrace setup --accept-new-log');
    expect(again.dependencies).toContainEqual({ name: 'group', state: 'ok' });
    expect(transformer.child.exitCode).toBeNull();
    expect(await transformer.stop()).toBe(0);
    const accepted = await runCommandLine(['setup', '--accept-new-log'], environment);
    expect(accepted).toContain('partition 2: goes on with log');
    const next = await Promise.all([
      spawn('receiver', other),
      spawn('transformer', other),
      spawn('writer', other),
    ]);
    for (const one of next) await untilReady(one);
    const answer = await push(next[0].url, { name: 'a', value: 2 }, { wait: 'stored' });
    expect(answer).toMatchObject({ stored: true });
    const rows = await world.store.rows(`SELECT value FROM series_samples WHERE metric = 'a'`);
    expect(rows).toHaveLength(2);
  });

  test('is not ready before it stops, finishes what is under way, and ends with 0', async () => {
    const receiver = await spawn('receiver', { MILLRACE_RECEIVER__DRAIN_MS: '2s' });
    await untilReady(receiver);
    const stopping = receiver.stop();
    await until('it says so', SOON_MS_MAX, async () => (await readiness(receiver))?.status === 503);
    // Whoever has not noticed yet is served all the same.
    expect(await push(receiver.url, { name: 'a', value: 1 })).toMatchObject({ accepted: 1 });
    expect(await stopping).toBe(0);
    const nowhere = { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/x' };
    for (const stage of ['receiver', 'transformer', 'writer'] as const) {
      const waiting = await spawn(stage, nowhere);
      await untilUnready(waiting, 'UNREACHABLE');
      expect(await waiting.stop()).toBe(0);
    }
  });

  test('sends dead letters through the log again', async () => {
    const processes = await Promise.all([spawn('receiver'), spawn('transformer'), spawn('writer')]);
    for (const one of processes) await untilReady(one);
    const [{ url }] = processes;
    const sane = 'CONSTRAINT sane CHECK (value <> 42)';
    await world.store.rows(`ALTER TABLE samples_head ADD ${sane}`);
    await push(url, { name: 'a', value: 42, time: Date.now() }, { wait: 'stored' });
    const dead = (...args: string[]) => runCommandLine(['dead', ...args], world.environment);
    expect(await dead('list')).toMatch(/sample +store_refused +a /);
    await world.store.rows('ALTER TABLE samples_head DROP CONSTRAINT sane');
    expect(await dead('redrive', '--all', '--url', url)).toMatch('1 of 1 are in the log again');
    await until('it is stored', SOON_MS_MAX, async () => {
      const rows = await world.store.rows('SELECT FROM samples WHERE value = 42');
      return rows.length === 1;
    });
    for (const one of processes) await one.stop();
  });

  test('shows how far each stage is, from the outside', async () => {
    const show = async (command: string): Promise<unknown> => {
      return JSON.parse(await runCommandLine([command, '--json'], world.environment));
    };
    const before = (await show('status')) as { partitions: object[] };
    expect(before.partitions).toHaveLength(PARTITIONS);
    // The log's id and its first rules; nobody has folded anything.
    expect(before.partitions[1]).toEqual({ partition: 1, start: 0, end: 2 });
    const processes = await Promise.all([spawn('receiver'), spawn('transformer'), spawn('writer')]);
    for (const one of processes) await untilReady(one);
    await push(processes[0].url, { name: 'a', value: 1 }, { wait: 'stored' });
    await until('the ledger has it', SOON_MS_MAX, async () => {
      return ((await show('ledger')) as LedgerReport).totals.stored === 1;
    });
    const asked = await fetch(`${processes[0].url}/api/v1/ledger`);
    expect(await asked.json()).toMatchObject({ addsUp: true, totals: { accepted: 1, stored: 1 } });
    for (const one of processes) await one.stop();
    expect(await show('lag')).toEqual(
      ['transformer', 'writer'].flatMap((stage) =>
        [0, 1, 2].map((partition) => ({
          ...{ stage, partition, state: 'known' },
          behindRecords: expect.any(Number),
          lagMs: expect.any(Number),
        })),
      ),
    );
    const after = await runCommandLine(['status'], world.environment);
    expect(after).toMatch(/partition +events +folded +behind +oldest +stored/);
  });
});

describe('settings of the process of a stage', () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.make();
  });
  afterEach(() => playground.remove());

  test.each([
    [{}, 'KAFKA_BROKERS or MILLRACE_KAFKA__BROKERS is not set.'],
    [{ KAFKA_BROKERS: 'a:1' }, 'REDIS_URL or MILLRACE_REDIS__URL is not set, nor with _FILE'],
    [{ KAFKA_BROKERS: 'a b' }, 'REDIS_URL'],
    [{ KAFKA_BROKERS: 'a:1', REDIS_URL: 'redis://a', MILLRACE_TRANSFORMER__TICK: '1s' }, 'TICK_MS'],
    [{ KAFKA_BROKERS: 'a:1', REDIS_URL: 'http://a' }, 'STATE_BAD_SETTINGS'],
    [{ KAFKA_BROKERS: 'a b', REDIS_URL: 'redis://a' }, 'STREAM_ADDRESS'],
    [{ KAFKA_BROKERS: 'a', REDIS_URL: 'redis://a', MILLRACE_HTTP__HOST: '0.0.0.0' }, '--insecure'],
  ])('%j are refused at once', async (env, message) => {
    const { code, stderr } = await playground.run(['run', 'transformer'], env);
    expect(stderr).toContain(message);
    expect(code).toBe(78);
  });

  test('that belong to other stages are left to those', async () => {
    const env = {
      MILLRACE_WRITER__X: '1',
      MILLRACE_PARTITIONS: '5',
      MILLRACE_RECEIVER__CONNECTIONS_MAX: '7',
    };
    const { stderr } = await playground.run(['run', 'transformer'], env);
    expect(stderr).toContain('SETTING_INVALID');
    expect(stderr).not.toContain('MILLRACE_WRITER__X');
  });

  test('of a stage that does not exist are a mistake of the command line', async () => {
    const { code, stderr } = await playground.run(['run', 'sink']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('receiver, transformer, writer')]);
  });
});

interface SetupReport {
  plan: boolean;
  store: { steps: string[] };
}

interface Readiness {
  status: number;
  ready: boolean;
  dependencies: { name: string; state: string; detail?: string }[];
}

async function readiness({ url }: StageProcess): Promise<Readiness | undefined> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined);
  if (answer === undefined) return undefined;
  return { ...((await answer.json()) as Omit<Readiness, 'status'>), status: answer.status };
}

/** Resolves when `/readyz` answers 503 and says why. */
async function untilUnready(process: StageProcess, why: string): Promise<Readiness> {
  let told: Readiness | undefined;
  await until(`the ${process.stage} says ${why}`, SOON_MS_MAX, async () => {
    told = await readiness(process);
    return told?.status === 503 && JSON.stringify(told.dependencies).includes(why);
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(told)}\n${process.output()}`, {
      cause: error,
    });
  });
  return told!;
}

async function untilDegraded(process: StageProcess, name: string): Promise<void> {
  await until(`the ${process.stage} says that ${name} is degraded`, SOON_MS_MAX, async () => {
    const told = await readiness(process);
    const found = told?.dependencies.find((one) => one.name === name);
    return told?.status === 200 && found?.state === 'degraded';
  });
}
