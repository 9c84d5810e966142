import { silentLog } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import { EventsRecordKind } from '@millrace/wire';
import { expect, it, vi } from 'vitest';
import { dataRecord } from './testing/data-record.ts';
import { logStart } from './testing/fold-run.ts';
import { StageBench } from './testing/stage-bench.ts';

const T0 = 1_700_000_000_000_000;
const until = (check: () => void): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000, interval: 2 });

const SAMPLE = dataRecord({
  samples: [{ labels: { __name__: 'g' }, timeUs: T0, value: 1 }],
  receivedAtUs: T0,
  sequence: 1,
});

it('a partition that stopped for good goes on when a person has mended it', async () => {
  const bench = new StageBench(2);
  for (const partition of [0, 1]) {
    for (const { record } of logStart()) bench.append(record, partition);
    bench.append(SAMPLE, partition);
  }
  const first = bench.start();
  const folding = first.run();
  await until(() => expect(bench.committed(0)).toBeGreaterThanOrEqual(3));
  await first.stop();
  await folding;

  const damaged = bench.database.partition(0);
  const page = damaged.pages.get('s0')!;
  damaged.pages.delete('s0');
  damaged.pageCount -= 1;
  // Were all of the log there, it would be folded again.
  await openMemoryStream(bench.log).release(TOPIC_EVENTS, 0, 1);
  const told: string[] = [];
  const log = {
    ...silentLog,
    info: ({ partition }: Record<string, unknown>, message: string): void => {
      if (partition === 0) told.push(message);
    },
    error: (_: unknown, message: string): void => void told.push(message),
  };
  const transformer = bench.start({ lookAgainMs: 10 }, { log });
  const running = transformer.run();
  const position = bench.committed(0)!;
  const states = new Set<string>();
  const loads = vi.spyOn(bench.database, 'partition');
  // The other one goes on meanwhile, and this one was looked at again some times.
  await until(() => {
    const [status] = transformer.status().partitions;
    if (status!.state !== 'starting') states.add(`${status!.state} ${status!.reason?.code}`);
    expect(loads.mock.calls.filter(([partition]) => partition === 0).length).toBeGreaterThan(5);
    expect(transformer.status().partitions[1]!.state).toBe('running');
  });
  expect([...states]).toEqual(['stopped STATE_INCOMPLETE']);
  expect(bench.committed(0)).toBe(position);
  expect(told).toEqual(['The partition stopped; the log keeps its records.']);

  damaged.pages.set('s0', page);
  damaged.pageCount += 1;
  await until(() => expect(transformer.status().partitions[0]!.state).toBe('running'));
  expect(transformer.status().partitions[0]).not.toHaveProperty('reason');
  expect(told).toHaveLength(2);
  await until(() => expect(bench.committed(0)).toBeGreaterThan(position));
  await transformer.stop();
  await running;
});

it('a record that cannot be folded is not skipped, however often it is looked at', async () => {
  const bench = new StageBench();
  for (const { record } of logStart()) bench.append(record);
  bench.append(SAMPLE);
  const barrier = { ...logStart()[1]!.record, number: 2, rules: {} };
  bench.append(barrier as never);
  bench.append({ kind: EventsRecordKind.tick, receivedAtUs: T0 });
  const states: string[] = [];
  const error = vi.fn<() => void>();
  const log = { ...silentLog, error };
  const transformer = bench.start({ lookAgainMs: 1 }, { log });
  const running = transformer.run();
  const looks = vi.spyOn(bench.log.partition(TOPIC_EVENTS, 0), 'read');
  await until(() => {
    const [{ state } = { state: '' }] = transformer.status().partitions;
    if (states.at(-1) !== state) states.push(state);
    expect(looks.mock.calls.length).toBeGreaterThan(50);
  });
  expect(states.at(-1)).toBe('stopped');
  expect(states.filter((state) => state === 'stopped')).toHaveLength(1);
  expect(error).toHaveBeenCalledTimes(1);
  expect(bench.committed()).toBe(3);
  await transformer.stop();
  await running;
});
