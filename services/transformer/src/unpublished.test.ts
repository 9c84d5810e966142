import { MillraceError, systemClock } from '@millrace/runtime';
import { TOPIC_SERIES, type Stream } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import type { EventsRecord } from '@millrace/wire';
import { describe, expect, it, vi } from 'vitest';
import { dataRecord } from './testing/data-record.ts';
import { logStart } from './testing/fold-run.ts';
import { StageBench } from './testing/stage-bench.ts';
import { Unpublished } from './unpublished.ts';

const T0_US = 1_700_000_000_000_000;

/** A partition that goes on when it may, and then puts out so much. */
async function goOn(
  unpublished: Unpublished,
  partition: number,
  params: Readonly<{ bytes: number; signal: AbortSignal; done: number[] }>,
): Promise<void> {
  const { bytes, signal, done } = params;
  while (!signal.aborted && !unpublished.hasRoom(partition)) await unpublished.change(signal);
  done.push(partition);
  unpublished.note(partition, bytes);
}

/** Lets everything run that can. */
const turn = (): Promise<void> => systemClock.sleep(0);

it('lets one at a time go on, when the others have little enough left', async () => {
  const unpublished = new Unpublished(100);
  const { signal } = new AbortController();
  const done: number[] = [];
  unpublished.note(0, 500);
  // What a partition has itself does not count.
  expect(unpublished.hasRoom(0)).toBe(true);
  const waiting = [1, 2].map((partition) =>
    goOn(unpublished, partition, { bytes: 500, signal, done }),
  );
  unpublished.note(0, 101);
  await turn();
  expect(done).toEqual([]);
  unpublished.note(0, 100);
  await turn();
  expect(done).toEqual([1]);
  unpublished.note(0, 0);
  await turn();
  expect(done).toEqual([1]);
  unpublished.note(1, 0);
  await Promise.all(waiting);
  expect(done).toEqual([1, 2]);
});

it('holds nobody up that is to stop', async () => {
  const unpublished = new Unpublished(100);
  const over = new AbortController();
  const done: number[] = [];
  unpublished.note(0, 500);
  const { signal } = over;
  const waiting = [1, 2].map((partition) =>
    goOn(unpublished, partition, { bytes: 0, signal, done }),
  );
  await turn();
  expect(done).toEqual([]);
  over.abort();
  await Promise.all(waiting);
  await unpublished.change(signal);
  expect(done).toEqual([1, 2]);
});

it.each(['have published enough', 'cannot publish'])('folds on when others %s', async (why) => {
  const bench = new StageBench(2);
  for (const partition of [0, 1]) {
    for (const { record } of logStart()) bench.append(record, partition);
  }
  let goOnWith = (): void => undefined;
  const appends = new Promise<void>((resolve) => (goOnWith = resolve));
  const stream = withAppend(bench, async () => {
    await appends;
    if (why === 'cannot publish') {
      throw new MillraceError({ code: 'AWAY', kind: 'transient', message: 'It is away.' });
    }
  });
  const settings = { pendingBytesMax: 1, pendingBesideBytesMax: 1 };
  const transformer = bench.start(settings, { stream });
  const running = transformer.run();
  const haveFolded = () =>
    transformer.status().partitions.filter(({ position }) => position! > 0).length;
  await vi.waitFor(() => expect(haveFolded()).toBe(1), { timeout: 20_000, interval: 1 });
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(haveFolded()).toBe(1);
  goOnWith();
  await vi.waitFor(() => expect(haveFolded()).toBe(2), { timeout: 20_000, interval: 1 });
  await transformer.kill();
  await running;
});

describe('a partition that was given up while much of it waited', () => {
  it.each(['is answered', 'fails'])('holds nobody up when its append %s', async (how) => {
    const bench = new StageBench(2);
    for (const partition of [0, 1]) {
      for (const { record } of logStart()) bench.append(record, partition);
      bench.append(samplesOf(1), partition);
    }
    let settle = (): void => undefined;
    const appends = new Promise<void>((resolve) => (settle = resolve));
    const stream = withAppend(bench, async (partition) => {
      await appends;
      if (how === 'fails' && partition === givenUp) {
        throw new MillraceError({ code: 'AWAY', kind: 'transient', message: 'It is away.' });
      }
    });
    // Each entry is a record: behind the one under way there are others.
    const small = { pendingBytesMax: 1, pendingBesideBytesMax: 1, recordBytesMax: 1 };
    const transformer = bench.start({ ...small, stopMsMax: 1 }, { stream });
    const running = transformer.run();
    const folded = (): number[] => {
      const { partitions } = transformer.status();
      return partitions.filter(({ position }) => position! > 0).map(({ partition }) => partition);
    };
    await vi.waitFor(() => expect(folded()).toHaveLength(1), { timeout: 20_000, interval: 1 });
    const givenUp = folded()[0]!;
    const kept = 1 - givenUp;
    await transformer.own([kept]);
    settle();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    bench.append(samplesOf(2), kept);
    const end = bench.end(kept);
    await vi.waitFor(() => expect(bench.committed(kept)).toBeGreaterThanOrEqual(end), {
      timeout: 5000,
      interval: 1,
    });
    await transformer.stop();
    await running;
  });
});

/** Samples of three series. */
function samplesOf(sequence: number): EventsRecord {
  const samples = [1, 2, 3].map((value) => ({
    ...{ labels: { __name__: 'm', i: `${value}` }, timeUs: T0_US + sequence, value },
  }));
  return dataRecord({ samples, receivedAtUs: T0_US, sequence });
}

/** The bench's stream, whose series topic is appended to as usual behind `before`. */
function withAppend(bench: StageBench, before: (partition: number) => Promise<void>): Stream {
  const stream = openMemoryStream(bench.log);
  const producer = stream.producer();
  return {
    partitions: stream.partitions,
    producer: () => ({
      append: async (topic, partition, payload) => {
        if (topic === TOPIC_SERIES) await before(partition);
        return await producer.append(topic, partition, payload);
      },
      close: () => producer.close(),
    }),
    reader: (topic, partition, position) => stream.reader(topic, partition, position),
    bounds: (topic, partition) => stream.bounds(topic, partition),
    release: (topic, partition, position) => stream.release(topic, partition, position),
    close: () => stream.close(),
  };
}
