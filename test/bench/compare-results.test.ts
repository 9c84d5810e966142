import { expect, test } from 'vitest';
import { compareResults, leftOut, readResults, type BenchResults } from './compare-results.ts';
import type { FullRateFigures } from './full-rate.ts';

const LATENCIES = { count: 1, p50: 1, p95: 1, p99: 1, p999: 1, max: 1 };

function run(system: string, storedRate: number, cpuSecondsPerMillion: number): FullRateFigures {
  return {
    system,
    payload: 'hot-1s',
    connections: 16,
    samples: 1,
    sentRate: storedRate,
    storedRate,
    visibleAfterMs: 1,
    ackMs: LATENCIES,
    cost: { all: { cpuSecondsPerMillion, cores: 1, rssBytesMax: 1 } },
    stageCost: {},
    senderCost: 1,
    bytesPerSample: { disk: 10 },
    retries: {},
    faults: [],
  };
}

function results(fullRates: FullRateFigures[]): BenchResults {
  return { machine: 'this one', date: '2026-11-29T00:00:00Z', fullRates, paced: [] };
}

test('a machine that is half as fast for both is no regression, a lower ratio is', () => {
  const before = results([run('ours', 100, 4), run('peer', 100, 2)]);
  const slowMachine = results([run('ours', 50, 8), run('peer', 50, 4)]);
  expect(compareResults(before, slowMachine).filter(({ isWorse }) => isWorse)).toEqual([]);
  const slower = results([run('ours', 80, 4), run('peer', 100, 2)]);
  expect(compareResults(before, slower).filter(({ isWorse }) => isWorse)).toMatchObject([
    { what: 'hot-1s, 16 connections, rate to peer', before: 1, after: 0.8 },
  ]);
});

test('what only one of them has is told, and not taken for compared', () => {
  const before = results([run('ours', 100, 4), run('peer', 100, 2)]);
  const alone = results([run('ours', 10, 4)]);
  expect(compareResults(before, alone).map(({ what }) => what)).toEqual([
    'hot-1s, 16 connections, bytes in disk',
  ]);
  expect(leftOut(before, alone)).toEqual([
    'hot-1s, 16 connections, rate to peer: only before',
    'hot-1s, 16 connections, CPU to peer: only before',
    'hot-1s, 16 connections, samples/s: only after',
    'hot-1s, 16 connections, CPU-s per million: only after',
  ]);
  expect(leftOut(before, before)).toEqual([]);
});

test('what npm says in front of a result is passed over; what is none is refused', () => {
  const written = results([run('ours', 100, 4)]);
  const text = `\n> millrace@0.1.0 bench\n> node\n\n${JSON.stringify(written, undefined, 2)}\n`;
  expect(readResults(text, 'a.json')).toEqual(written);
  const before = { ...written, paced: { rate: 20_000, ackMs: LATENCIES, visibleMs: LATENCIES } };
  const [paced] = readResults(JSON.stringify(before), 'a.json').paced;
  expect(paced).toMatchObject({ rate: 20_000 });
  for (const none of ['', 'no { JSON', '{"rebuild": {}}']) {
    expect(() => readResults(none, 'a.json')).toThrow('a.json is no result');
  }
});

test('turns are taken together, and without a peer the figures themselves are compared', () => {
  const before = results([run('ours', 100, 4)]);
  const after = results([run('ours', 90, 4), run('ours', 110, 6)]);
  const compared = compareResults(before, after);
  expect(compared.map(({ what, after: value }) => [what, value])).toEqual([
    ['hot-1s, 16 connections, samples/s', 100],
    ['hot-1s, 16 connections, CPU-s per million', 5],
    ['hot-1s, 16 connections, bytes in disk', 10],
  ]);
  expect(compared.map(({ isWorse }) => isWorse)).toEqual([false, true, false]);
});
