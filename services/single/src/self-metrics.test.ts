import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMeter, silentLog, systemClock, type Log } from '@millrace/runtime';
import { createSelfMetrics, toSamples } from './self-metrics.ts';

let server: Server;
let url: string;
/** What the next requests are answered with, and what they held. */
let statuses: number[];
let bodies: string[];
let arrived: () => void;

beforeEach(async () => {
  statuses = [];
  bodies = [];
  arrived = () => undefined;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.statusCode = statuses.shift() ?? 200;
      response.end('{"accepted":1,"rejected":[]}', () => arrived());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Resolves when the condition holds, looked at after each request. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => (arrived = resolve));
}

const stages = [
  {
    stage: 'writer',
    measurements: [
      { name: 'a_total', labels: { code: 'x' }, value: 3, kind: 'cumulative' as const },
      { name: 'b', labels: {}, value: Infinity, kind: 'gauge' as const },
    ],
  },
];

test('measurements become samples with stage, kind and their own time', () => {
  expect(toSamples(stages, 7)).toEqual([
    {
      name: 'a_total',
      labels: { code: 'x', stage: 'writer' },
      value: 3,
      time: 7,
      kind: 'cumulative',
    },
    { name: 'b', labels: { stage: 'writer' }, value: '+Inf', time: 7, kind: 'gauge' },
  ]);
});

test('the first push is at once, more follow, failures are counted and told once', async () => {
  statuses = [200, 503, 503, 200];
  const told: string[] = [];
  const note = (_fields: unknown, message: string): void => void told.push(message);
  const log: Log = { ...silentLog, warn: note, info: note };
  const meter = createMeter();
  const measure = async () => stages;
  const metrics = createSelfMetrics(
    { url, clock: systemClock, log, meter, measure },
    { intervalMs: 5 },
  );
  metrics.start();
  await until(() => bodies.length >= 5);
  await metrics.stop();
  expect(JSON.parse(bodies[0]!)).toMatchObject({ samples: [{ name: 'a_total' }, { name: 'b' }] });
  expect(told).toEqual(['Our own metrics were not taken.', 'Our own metrics are taken again.']);
  const failures = (await meter.measurements()).find(({ name }) => name.includes('failures'));
  expect(failures?.value).toBe(2);
});
