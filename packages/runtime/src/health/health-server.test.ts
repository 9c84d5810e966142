import { afterEach, expect, test } from 'vitest';
import { startHealthServer, type HealthServer } from './health-server.ts';
import type { Health } from './health.ts';
import { silentLog, type Log } from '../log/log.ts';

const started: HealthServer[] = [];
afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});

async function start(params: Readonly<{ isBusy?: boolean; log?: Log }> = {}) {
  const health: Health = { ready: true, dependencies: [{ name: 'kafka', state: 'ok' }] };
  const source = {
    health: () => health,
    status: () => ({ stage: 'writer' }),
    exposition: async () => 'a_total 1\n',
  };
  const { log = silentLog, isBusy = false } = params;
  const server = await startHealthServer(source, { host: '127.0.0.1', port: 0, log, isBusy });
  started.push(server);
  const url = `http://${server.host}:${server.port}`;
  return { health, source, server, ask: (path: string, init = {}) => fetch(`${url}${path}`, init) };
}

test('a process tells whether it lives, whether it is ready, and what it measures', async () => {
  const { ask, health } = await start();
  for (const path of ['/healthz', '/-/healthy']) expect((await ask(path)).status).toBe(200);
  for (const path of ['/readyz', '/-/ready']) {
    expect(await (await ask(path)).json()).toEqual(health);
  }
  health.ready = false;
  for (const path of ['/readyz', '/-/ready?x=1']) expect((await ask(path)).status).toBe(503);
  expect((await ask('/healthz')).status).toBe(200);
  expect(await (await ask('/api/v1/status')).json()).toEqual({ stage: 'writer' });
  const metrics = await ask('/metrics');
  expect([await metrics.text(), metrics.headers.get('content-type')]).toEqual([
    'a_total 1\n',
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  const head = await ask('/readyz', { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([503, '']);
});

test('what is not there is not there, unless somebody will be', async () => {
  const { ask } = await start();
  const post = { method: 'POST', body: 'x'.repeat(1_000_000) };
  expect((await ask('/v1/events', post)).status).toBe(404);
  expect((await ask('/readyz', post)).status).toBe(405);
  const busy = await start({ isBusy: true });
  const answer = await busy.ask('/v1/events', post);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await answer.json()).toMatchObject({ code: 'not_ready' });
});

test('a look that fails is told in the log, and to who looked', async () => {
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (fields) => errors.push(JSON.stringify(fields)) };
  const { ask, source } = await start({ log });
  source.exposition = async () => {
    throw new Error('it cannot be measured');
  };
  expect((await ask('/metrics')).status).toBe(500);
  expect(errors).toEqual([expect.stringContaining('it cannot be measured')]);
});

test('a port that is taken is an error, and one that was closed is free', async () => {
  const { server } = await start();
  const { host, port } = server;
  const again = () =>
    startHealthServer(
      {
        health: () => ({ ready: true, dependencies: [] }),
        status: () => 1,
        exposition: async () => '',
      },
      { host, port, log: silentLog },
    );
  await expect(again()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.close();
  started.splice(0);
  started.push(await again());
});
