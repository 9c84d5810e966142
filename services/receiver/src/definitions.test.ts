import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from '@millrace/stream';
import { DefinitionReader, type DataRecord } from '@millrace/wire';
import { expect, it } from 'vitest';
import { beginRules } from './testing/begin-rules.ts';
import { closedGate } from './testing/gated-producer.ts';
import { eventually } from './testing/eventually.ts';
import {
  logUnavailable,
  type StartedReceiver,
  type StartOptions,
} from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();
const BEGIN_US = 1_700_000_000_000_000;
const INTERVAL_MS = 60_000;

interface Told {
  /** The value of its first sample, to tell records apart. */
  value: number;
  /** Metrics of the series it defines, and how many rows it has. */
  defined: string[];
  rows: number;
}

/** A receiver of one partition, whose clock stands still until it is set. */
async function started(options: StartOptions = {}) {
  let nowUs = BEGIN_US;
  const clock = {
    nowUs: () => nowUs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    },
  };
  const one = await start({
    partitions: 1,
    clock,
    ...options,
    settings: { definitionIntervalMs: INTERVAL_MS, ...options.settings },
  });
  return { ...one, told: toldBy(one), later: (ms: number) => void (nowUs += ms * 1000) };
}

function toldBy({ records }: StartedReceiver): () => Promise<Told[]> {
  return async () => (await records()).map(told).toSorted((a, b) => a.value - b.value);
}

function told({ definitions, kinds, values }: DataRecord): Told {
  const reader = new DefinitionReader(definitions);
  const defined = [...definitions.rows].map((row) => reader.labels(row)![0]![1]);
  return { value: values[0]!, defined, rows: kinds.length };
}

let times = 0;

/** A sample of each metric, at times of their own. */
function samples(value: number, ...metrics: string[]) {
  times += 1;
  const time = BEGIN_US / 1000 - times;
  return metrics.map((name) => ({ name, kind: 'gauge', time, value }));
}

it('leaves out the labels of a series that were acknowledged', async () => {
  const { push, told: all, samples: found } = await started();
  await push(samples(1, 'a', 'b'));
  await push(samples(2, 'b', 'c'));
  await push(samples(3, 'a', 'b', 'c'));
  expect(await all()).toEqual([
    { value: 1, defined: ['a', 'b'], rows: 2 },
    { value: 2, defined: ['c'], rows: 2 },
    { value: 3, defined: [], rows: 3 },
  ]);
  const names = (await found()).map(({ labels }) => labels['__name__']);
  expect(names.join(' ')).toBe('a b b c a b c');
});

it('sends them again before the interval is over, and not much before', async () => {
  const { push, told: all, later } = await started();
  await push(samples(1, 'a', 'b'));
  later(INTERVAL_MS * 0.75 - 1);
  await push(samples(2, 'a', 'b'));
  later(INTERVAL_MS * 0.25 + 1);
  await push(samples(3, 'a', 'b'));
  await push(samples(4, 'a', 'b'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a', 'b'], [], ['a', 'b'], []]);
});

it('believes nothing longer because its clock was set back', async () => {
  const { push, told: all, later } = await started();
  await push(samples(1, 'a'));
  later(-INTERVAL_MS);
  await push(samples(2, 'a'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a'], ['a']]);
});

it('sends them again when many others went to the partition', async () => {
  const { push, told: all } = await started({ settings: { definitionsBetweenMax: 4 } });
  await push(samples(1, 'a'));
  await push(samples(2, 'a', 'b', 'c'));
  await push(samples(3, 'a', 'd'));
  await push(samples(4, 'a', 'd'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a'], ['b', 'c'], ['d'], ['a']]);
});

it('sends them again after an append that failed', async () => {
  let broken = true;
  const wrapProducer = (producer: Producer): Producer => ({
    append: async (topic, partition, payload) => {
      // It is in the log all the same: what was not acknowledged may have happened.
      const result = await producer.append(topic, partition, payload);
      if (broken) throw logUnavailable();
      return result;
    },
    close: async () => await producer.close(),
  });
  const { push, told: all } = await started({ wrapProducer });
  expect((await push(samples(1, 'a'))).status).toBe(503);
  broken = false;
  await push(samples(2, 'a'));
  await push(samples(3, 'a'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a'], ['a'], []]);
});

it('sends them with every request until the first is acknowledged', async () => {
  const gate = closedGate();
  const { push, told: all } = await started({ wrapProducer: gate.wrap });
  const pushed = [1, 2, 3].map(async (value) => await push(samples(value, 'a')));
  await eventually(() => gate.waiting === 3);
  gate.open();
  await Promise.all(pushed);
  await push(samples(4, 'a'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a'], ['a'], ['a'], []]);
});

it('keeps partitions apart: one that fails has nothing to do with another', async () => {
  let broken = true;
  const wrapProducer = (producer: Producer): Producer => ({
    append: async (topic, partition, payload) => {
      if (broken && partition === 0) throw logUnavailable();
      return await producer.append(topic, partition, payload);
    },
    close: async () => await producer.close(),
  });
  const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
  const { push, records } = await started({ partitions: 2, wrapProducer });
  expect((await push(samples(1, ...names))).status).toBe(503);
  broken = false;
  await push(samples(2, ...names));
  const [zero, first, second] = (await records()).map(told);
  expect(zero!.defined).toHaveLength(zero!.rows);
  expect(first!.defined).toHaveLength(first!.rows);
  expect(second).toMatchObject({ defined: [], rows: first!.rows });
  expect(zero!.rows + first!.rows).toBe(names.length);
});

it('knows a series whatever the kind of its samples is', async () => {
  const { push, told: all } = await started();
  const [sample] = samples(1, 'a');
  await push(sample);
  const [again] = samples(2, 'a');
  await push([again, { ...again, kind: 'counter' }]);
  expect(await all()).toEqual([
    { value: 1, defined: ['a'], rows: 1 },
    { value: 2, defined: [], rows: 2 },
  ]);
});

it('sends the labels of an event always, and believes no others for them', async () => {
  const { push, told: all } = await started();
  const event = { name: 'a', kind: 'event' };
  await push({ ...event, value: 1 });
  await push({ ...event, value: 2 });
  await push(samples(3, 'a'));
  await push([...samples(4, 'a'), { ...event, value: 4 }]);
  expect(await all()).toEqual([
    { value: 1, defined: ['a'], rows: 1 },
    { value: 2, defined: ['a'], rows: 1 },
    { value: 3, defined: ['a'], rows: 1 },
    { value: 4, defined: ['a'], rows: 2 },
  ]);
});

it('sends those of a dead letter always, and believes no others for them', async () => {
  const { push, post, stream, told: all } = await started();
  await beginRules(stream, 'rules: []', 2);
  const redrive = async (value: number, key: string): Promise<void> => {
    const letter = {
      labels: { __name__: 'a' },
      kind: 'gauge',
      timeUs: BEGIN_US,
      value: `${value}`,
    };
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    expect((await post('/api/v1/redrive', JSON.stringify(letter), headers)).status).toBe(200);
  };
  await redrive(1, 'redrive/ab/1');
  await push(samples(2, 'a'));
  await redrive(3, 'redrive/ab/2');
  await push(samples(4, 'a'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a'], ['a'], ['a'], []]);
});

it('forgets what it believed when the series get other numbers', async () => {
  const { push, told: all } = await started({ settings: { seriesCacheCountMax: 3 } });
  await push(samples(1, 'a', 'b', 'c'));
  // The fourth series makes the cache begin anew.
  await push(samples(2, 'd'));
  await push(samples(3, 'a', 'd'));
  await push(samples(4, 'a', 'd'));
  expect((await all()).map(({ defined }) => defined)).toEqual([['a', 'b', 'c'], ['d'], ['a'], []]);
});

it('believes nothing of numbers that mean something else since', async () => {
  const gate = closedGate();
  const { push, told: all } = await started({
    wrapProducer: gate.wrap,
    settings: { seriesCacheCountMax: 2 },
  });
  const first = push(samples(1, 'a', 'b'));
  await eventually(() => gate.waiting === 1);
  const second = push(samples(2, 'c'));
  await eventually(() => gate.waiting === 2);
  gate.open();
  await Promise.all([first, second]);
  // Of `a` and `b` the numbers are gone; `d` gets the one that `b` had.
  await push(samples(3, 'd', 'c'));
  expect((await all()).at(-1)).toEqual({ value: 3, defined: ['d'], rows: 2 });
});
