import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeBatch, decodeWriteRequest, uncompressSnappy } from '@millrace/wire';
import { afterEach, expect, test } from 'vitest';
import {
  DEFAULT_LOAD,
  LoadRun,
  samplesOf as samplesOfLoad,
  type LoadSettings,
} from './load-run.ts';
import { loadHundredths, loadTotal } from './load-values.ts';

const FIRST_TIME_MS = 1_750_000_000_000;

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());
afterEach(() => server?.close());

test('sends every step of every series until each is acknowledged', async () => {
  const seen = new Map<string, number>();
  const run = new LoadRun({
    ...(await settingsFor(async (request, response, number) => {
      // What a receiver in trouble does: it refuses, cuts the connection, or says nothing in time.
      if (number % 7 === 1) return void response.writeHead(503, { 'content-length': 0 }).end();
      if (number % 7 === 3) return void request.socket.destroy();
      if (number === 5) return;
      const body = await bodyOf(request);
      if (number % 7 === 6) return void request.socket.destroy();
      for (const [sample, count] of samplesOf(body))
        seen.set(sample, (seen.get(sample) ?? 0) + count);
      response.writeHead(204).end();
    })),
    connections: 3,
    series: 25,
    seriesPerRequest: 10,
    stepsMax: 4,
  });
  const result = await run.run();
  expect(result).toMatchObject({ samples: 100, requests: 12, stepsOfGroup: [4, 4, 4] });
  expect(result.ackMs.count).toBe(12);
  expect(Object.keys(result.retries)).toContain('503');
  const wanted = new Map<string, number>();
  for (let step = 0; step < 4; step += 1) {
    for (const length of [10, 10, 5]) {
      for (let i = 0; i < length; i += 1) {
        const sample = `${FIRST_TIME_MS + step * 1000} ${step + i}`;
        wanted.set(sample, (wanted.get(sample) ?? 0) + 1);
      }
    }
  }
  expect(seen).toEqual(wanted);
});

test('batches bring labels until they are taken, and again when they are asked for', async () => {
  const known = new Set<number>();
  const seen = new Map<string, number>();
  let bare = 0;
  const run = new LoadRun({
    ...(await settingsFor(async (request, response, number) => {
      const { table, columns, samples, sequence } = decodeBatch(await bodyOf(request));
      // In the middle of the run everything is forgotten.
      if (number === 12) known.clear();
      for (let i = 0; i < (table?.count ?? 0); i += 1) known.add(table!.first + i);
      if (table === undefined) bare += 1;
      const { view, seriesAt, timesAt, valuesAt } = columns;
      const numbers = Array.from({ length: samples }, (_, i) =>
        view.getUint32(seriesAt + 4 * i, true),
      );
      if (numbers.some((one) => !known.has(one))) {
        return void response.writeHead(409, { 'content-length': 0 }).end();
      }
      const timeUs = view.getBigInt64(timesAt, true);
      for (const [i, one] of numbers.entries()) {
        const sample = `${one} ${timeUs} ${view.getFloat64(valuesAt + 8 * i, true)}`;
        seen.set(sample, sequence);
      }
      response.writeHead(204).end();
    })),
    protocol: 'batch',
    connections: 2,
    series: 15,
    seriesPerRequest: 10,
    stepsMax: 10,
  });
  const result = await run.run();
  expect(result).toMatchObject({ samples: 150, requests: 20, stepsOfGroup: [10, 10] });
  expect(result.retries['409']).toBeGreaterThan(0);
  expect(bare).toBeGreaterThan(10);
  const wanted = Array.from({ length: 150 }, (_, i) => {
    const [step, series] = [Math.floor(i / 15), i % 15];
    return `${series} ${(FIRST_TIME_MS + step * 1000) * 1000} ${step + (series % 10)}`;
  });
  expect([...seen.keys()].toSorted()).toEqual(wanted.toSorted());
  expect(new Set(seen.values()).size).toBe(20);
});

test.each(['steps', 'real'] as const)('the sum of all values of a series, %s', (values) => {
  for (const index of [0, 1, 7, 998]) {
    const all = Array.from({ length: 50 }, (_, step) => loadHundredths(values, step, index));
    expect(all.every(Number.isInteger)).toBe(true);
    expect(loadTotal(values, 50, index)).toBe(all.reduce((sum, one) => sum + one));
  }
});

test('goes on where another run ended', async () => {
  const times = new Set<string>();
  const settings = {
    ...(await settingsFor(async (request, response) => {
      for (const sample of samplesOf(await bodyOf(request)).keys())
        times.add(sample.split(' ')[0]!);
      response.writeHead(204).end();
    })),
    series: 25,
    seriesPerRequest: 10,
    firstStep: 2,
    stepsMax: 4,
  };
  const result = await new LoadRun(settings).run();
  expect(result).toMatchObject({ samples: 50, requests: 6, stepsOfGroup: [4, 4, 4] });
  expect(samplesOfLoad(settings, result)).toBe(100);
  expect([...times].toSorted()).toEqual([2000, 3000].map((ms) => String(FIRST_TIME_MS + ms)));
});

test('a refusal that no retry mends ends the run', async () => {
  const run = new LoadRun({
    ...(await settingsFor(
      (_request, response) => void response.writeHead(400, { 'content-length': 4 }).end('no_4'),
    )),
    stepsMax: 1,
  });
  await expect(run.run()).rejects.toThrow('refused, 400: no_4');
});

test('paced, it sends no more than it should', async () => {
  const startMs = performance.now();
  const run = new LoadRun({
    ...(await settingsFor((request, response) => {
      request.resume();
      request.once('end', () => response.writeHead(204).end());
    })),
    series: 10,
    seriesPerRequest: 10,
    rate: 200,
    seconds: 0.5,
  });
  const result = await run.run();
  expect(result.samples).toBe(100);
  expect(performance.now() - startMs).toBeGreaterThan(440);
});

async function settingsFor(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => unknown,
): Promise<LoadSettings> {
  let number = -1;
  const listening = createServer((request, response) => {
    number += 1;
    void answer(request, response, number);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { ...DEFAULT_LOAD, url, firstTimeMs: FIRST_TIME_MS, answerMsMax: 200, retryMsMax: 10_000 };
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** `time value` and how many samples have both. */
function samplesOf(body: Uint8Array): Map<string, number> {
  const samples = new Map<string, number>();
  const none = (): undefined => undefined;
  decodeWriteRequest(uncompressSnappy(body, 1 << 24), {
    series: none,
    expect: () => -1,
    expectedSeries: none,
    sample: (timestampMs, value) => {
      const sample = `${timestampMs} ${value}`;
      samples.set(sample, (samples.get(sample) ?? 0) + 1);
    },
    histogram: none,
    invalidHistogram: none,
    exemplar: none,
    metadata: none,
  });
  return samples;
}
