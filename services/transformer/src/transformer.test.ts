import { MillraceError, systemClock } from '@millrace/runtime';
import type { StateStore } from '@millrace/state';
import { MemoryStateStore } from '@millrace/state/memory';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import { decodeSeriesRecordHeader, EventsRecordKind, type EventsRecord } from '@millrace/wire';
import { describe, expect, it, vi } from 'vitest';
import { dataRecord } from './testing/data-record.ts';
import { logStart } from './testing/fold-run.ts';
import { StageBench } from './testing/stage-bench.ts';
import { variedLog } from './testing/varied-log.ts';

const T0 = 1_700_000_000_000_000;

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 2 });
}

const sample = (sequence: number): EventsRecord =>
  dataRecord({
    samples: [{ labels: { __name__: 'm0', job: 'a' }, timeUs: T0 + sequence, value: sequence }],
    receivedAtUs: T0,
    sequence,
  });

function begin(bench: StageBench, partition = 0, samples = 3): void {
  for (const { record } of logStart()) bench.append(record, partition);
  for (let i = 1; i <= samples; i += 1) bench.append(sample(i), partition);
}

describe('the transformer', () => {
  it('puts out one sequence of entries, however often it is stopped or killed', async () => {
    const bench = new StageBench();
    const log = variedLog(5, { records: 150 });
    let written = 0;
    for (let round = 0; written < log.length; round += 1) {
      const transformer = bench.start();
      const running = transformer.run();
      for (const { record } of log.slice(written, written + 10)) bench.append(record);
      written += 10;
      // Killed at once, in the middle, or stopped when all is folded.
      if (round % 3 > 0) {
        await until(() =>
          expect(transformer.status().partitions[0]!.position).toBeGreaterThanOrEqual(
            round % 3 === 1 ? bench.end() : (bench.committed() ?? 0) + 1,
          ),
        );
      }
      await (round % 2 === 0 ? transformer.kill() : transformer.stop());
      await running;
    }
    const last = bench.start();
    const running = last.run();
    await until(() => expect(last.status().partitions[0]!.position).toBeGreaterThan(log.length));
    await last.stop();
    await running;
    expect(bench.published()).toEqual(bench.expected(bench.committed()!));
    expect(bench.published().length).toBeGreaterThan(1000);
  });

  it('may own a partition twice at once: both put out the same sequence', async () => {
    const bench = new StageBench();
    const log = variedLog(9, { records: 150 });
    const owners = [bench.start({ pollBytesMax: 700 }), bench.start({ recordBytesMax: 900 })];
    const running = owners.map((owner) => owner.run());
    for (const [i, { record }] of log.entries()) {
      bench.append(record);
      if (i % 10 === 0) {
        await until(() => {
          for (const owner of owners) {
            expect(owner.status().partitions[0]!.position).toBeGreaterThanOrEqual(i);
          }
        });
      }
    }
    await until(() => expect(bench.committed()).toBeGreaterThanOrEqual(log.length));
    await Promise.all(owners.map((owner) => owner.stop()));
    await Promise.all(running);
    // The one that loses the last commit may have published beyond it.
    const published = bench.published();
    const whole = bench.expected(bench.end());
    expect(published).toEqual(whole.slice(0, published.length));
    const settled = bench.expected(bench.committed()!);
    expect(published.length).toBeGreaterThanOrEqual(settled.length);
  });

  it('that slept until the log forgot its place goes on from what others committed', async () => {
    const bench = new StageBench();
    for (const { record } of variedLog(9, { records: 20 })) bench.append(record);
    const stream = openMemoryStream(bench.log);
    let wake = (): void => undefined;
    let sleep = Promise.resolve();
    const reader: Stream['reader'] = (topic, partition, position) => {
      const inner = stream.reader(topic, partition, position);
      const next: typeof inner.next = async (how) => {
        if (topic === TOPIC_EVENTS) await sleep;
        return await inner.next(how);
      };
      return { next, end: inner.end, close: () => inner.close() };
    };
    const sleeper = bench.start(
      { lookAgainMs: 3_600_000 },
      { stream: { ...delegating(stream), reader } },
    );
    const position = () => sleeper.status().partitions[0]!.position!;
    const over = sleeper.run();
    await until(() => expect(position()).toBeGreaterThanOrEqual(20));
    sleep = new Promise((resolve) => (wake = resolve));
    const stoodAt = position();
    const other = bench.start();
    const running = other.run();
    await until(() => expect(bench.committed()).toBeGreaterThan(stoodAt + 20));
    await other.stop();
    await running;
    await stream.release(TOPIC_EVENTS, 0, bench.committed()! - 1);
    wake();
    await until(() => {
      const [status] = sleeper.status().partitions;
      expect(status!.state).toBe('running');
      expect(status!.position).toBeGreaterThan(stoodAt + 20);
    });
    await sleeper.stop();
    await over;
  });

  it('publishes ranges that follow one another without a gap', async () => {
    const bench = new StageBench();
    begin(bench, 0, 30);
    for (let round = 0; round < 3; round += 1) {
      const transformer = bench.start();
      const running = transformer.run();
      const end = bench.end();
      await until(() => expect(bench.committed()).toBeGreaterThan(end));
      await (round === 1 ? transformer.kill() : transformer.stop());
      await running;
    }
    let reached = { offset: 0, ordinal: 0 };
    for (const { payload } of bench.log.partition(TOPIC_SERIES, 0).read(0, Infinity)) {
      const { from, to } = decodeSeriesRecordHeader(payload);
      const isGap =
        from.offset > reached.offset ||
        (from.offset === reached.offset && from.ordinal > reached.ordinal);
      expect(isGap).toBe(false);
      if (to.offset > reached.offset || to.ordinal > reached.ordinal) reached = { ...to };
    }
    expect(reached.offset).toBeGreaterThanOrEqual(bench.committed()!);
  });

  it('begins when somebody has begun the log, and ticks while nothing comes', async () => {
    const bench = new StageBench();
    const transformer = bench.start();
    const running = transformer.run();
    const waiting = { state: 'waiting', reason: { code: 'TRANSFORMER_NOT_SET_UP' } };
    await until(() => expect(transformer.status().partitions[0]).toMatchObject(waiting));
    begin(bench);
    const beganUs = systemClock.nowUs();
    await until(() => expect(bench.end()).toBeGreaterThan(8));
    await until(() => expect(bench.committed()).toBeGreaterThan(8));
    const { partitions, ready } = transformer.status();
    expect(ready).toBe(true);
    expect(partitions[0]!.partitionTimeUs).toBeGreaterThanOrEqual(beganUs);
    await transformer.stop();
    await running;
    expect(transformer.status()).toMatchObject({ ready: false });
    expect(transformer.status().partitions[0]).not.toHaveProperty('reason');
  });

  it('has published and committed all it folded when it is stopped', async () => {
    const bench = new StageBench();
    const transformer = bench.start({ commitMs: 1e9, tickMs: 1e6, recordBytesMax: 1e6 });
    const running = transformer.run();
    begin(bench, 0, 50);
    await until(() => expect(transformer.status().partitions[0]!.position).toBe(52));
    expect(bench.committed()).toBeUndefined();
    await transformer.stop();
    await running;
    expect(bench.committed()).toBe(52);
    expect(bench.published()).toEqual(bench.expected(52));
  });

  it('stops a partition for a reason only a person can mend, and only that one', async () => {
    const bench = new StageBench(8);
    for (let partition = 0; partition < 8; partition += 1) begin(bench, partition);
    const first = bench.start({ tickMs: 1e6 });
    const folding = first.run();
    await until(() =>
      expect(first.status().partitions.map(({ position }) => position)).toEqual(Array(8).fill(5)),
    );
    await first.stop();
    await folding;

    bench.log = bench.newLog();
    const [start, barrier] = logStart().map(({ record }) => record);
    const other: EventsRecord = { kind: EventsRecordKind.log, logId: 'ff'.repeat(16) };
    const same = [start!, barrier!, sample(1), sample(2), sample(3)];
    const tick: EventsRecord = { kind: EventsRecordKind.tick, receivedAtUs: T0 };
    const records: EventsRecord[][] = [
      [other, ...same.slice(1)],
      same.slice(0, 4),
      [...same, sample(4), sample(5)],
      same,
      [...same.slice(0, 4), sample(9)],
      [barrier!, ...same.slice(1)],
      [...same, sample(4), { ...(barrier as object), number: 2, rules: {} } as EventsRecord],
      [...same, tick],
    ];
    for (const [partition, list] of records.entries()) {
      for (const record of list) bench.append(record, partition);
    }
    await openMemoryStream(bench.log).release(TOPIC_EVENTS, 2, 6);
    // Were it all there, it would be folded again.
    await openMemoryStream(bench.log).release(TOPIC_EVENTS, 3, 1);
    const damaged = bench.database.partition(3);
    damaged.pages.delete('s0');
    damaged.pageCount -= 1;

    const second = bench.start({ tickMs: 20 });
    const running = second.run();
    await until(() => {
      const { partitions } = second.status();
      expect(partitions.map(({ state, reason }) => reason?.code ?? state)).toEqual([
        'TRANSFORMER_OTHER_LOG',
        'TRANSFORMER_LOG_SHORTER',
        'TRANSFORMER_EXPIRED',
        'STATE_INCOMPLETE',
        'TRANSFORMER_OTHER_HISTORY',
        'TRANSFORMER_NO_LOG_ID',
        'RULES_VERSION_UNKNOWN',
        'running',
      ]);
    });
    expect(second.status().ready).toBe(false);
    for (const { state, reason } of second.status().partitions.slice(0, 7)) {
      expect(state).toBe('stopped');
      expect(reason).toMatchObject({ message: expect.any(String), remedy: expect.any(String) });
    }
    // What came before the record that cannot be folded is published and committed.
    expect(bench.committed(6)).toBe(6);
    await until(() => expect(bench.committed(7)).toBeGreaterThan(8));
    await second.stop();
    await running;
    expect(Array.from({ length: 6 }, (_, partition) => bench.committed(partition))).toEqual(
      Array(6).fill(5),
    );
  });

  it('commits what it folded when its log turns out to be another one', async () => {
    const bench = new StageBench();
    begin(bench);
    const gone = new MillraceError({ code: 'GONE', kind: 'permanent', message: 'It is gone.' });
    let isGone = false;
    const stream = openMemoryStream(bench.log);
    const checking: Stream = Object.assign(Object.create(stream) as Stream, {
      partitions: stream.partitions,
      reader: (...args: Parameters<Stream['reader']>) => {
        const reader = stream.reader(...args);
        const next: typeof reader.next = async (params) => {
          if (isGone) throw gone;
          return await reader.next(params);
        };
        return { next, close: () => reader.close(), end: undefined };
      },
      producer: () => stream.producer(),
      bounds: (...args: Parameters<Stream['bounds']>) => stream.bounds(...args),
    });
    const transformer = bench.start({ commitMs: 1e9 }, { stream: checking });
    const running = transformer.run();
    await until(() => expect(transformer.status().partitions[0]!.position).toBeGreaterThan(4));
    expect(bench.committed()).toBeUndefined();
    isGone = true;
    const reason = { state: 'stopped', reason: { code: 'GONE' } };
    await until(() => expect(transformer.status().partitions[0]).toMatchObject(reason));
    // All of it that was put out.
    const last = bench.log.partition(TOPIC_SERIES, 0).read(0, Infinity).at(-1)!;
    expect(decodeSeriesRecordHeader(last.payload).to.offset).toBe(bench.committed());
    expect(bench.committed()).toBeGreaterThan(4);
    await transformer.stop();
    await running;
  });

  it('stays when every partition has stopped, and tells why', async () => {
    const bench = new StageBench();
    bench.append({ kind: EventsRecordKind.tick, receivedAtUs: T0 });
    const transformer = bench.start();
    let isOver = false;
    const running = transformer.run().then(() => {
      isOver = true;
    });
    const reason = { state: 'stopped', reason: { code: 'TRANSFORMER_NO_LOG_ID' } };
    await until(() => expect(transformer.status().partitions[0]).toMatchObject(reason));
    expect(isOver).toBe(false);
    await transformer.stop();
    await running;
    expect(transformer.status().partitions[0]).toMatchObject(reason);
  });

  it('goes on where another one let go, whoever owns what', async () => {
    const bench = new StageBench(3);
    for (let partition = 0; partition < 3; partition += 1) begin(bench, partition, 20);
    const settings = { commitMs: 1e9, tickMs: 1e6, recordBytesMax: 1e6 };
    const [left, right] = [bench.start(settings), bench.start({ ...settings, partitions: [] })];
    const running = [left.run(), right.run()];
    const folds = async (transformer: typeof left, partition: number, position: number) =>
      await until(() => {
        const { partitions } = transformer.status();
        const found = partitions.find((one) => one.partition === partition);
        expect(found).toMatchObject({ state: 'running', position });
      });
    expect(right.status()).toMatchObject({ ready: true, partitions: [] });
    for (const partition of [0, 1, 2]) await folds(left, partition, 22);
    expect(bench.committed(1)).toBeUndefined();
    await left.own([0]);
    // What was folded is published and committed when it is let go; of the other, nothing yet.
    expect([0, 1, 2].map((partition) => bench.committed(partition))).toEqual([undefined, 22, 22]);
    expect(bench.published(1)).toEqual(bench.expected(22, 1));
    expect(left.status().partitions.map(({ partition }) => partition)).toEqual([0]);
    for (let i = 21; i <= 30; i += 1) for (const p of [0, 1, 2]) bench.append(sample(i), p);
    await right.own([1, 2]);
    await folds(right, 1, 32);
    await folds(right, 2, 32);
    await folds(left, 0, 32);
    await Promise.all([right.own([0, 2]), left.own([1])]);
    await folds(right, 0, 32);
    await folds(left, 1, 32);
    await Promise.all([left.stop(), right.stop()]);
    await Promise.all(running);
    await expect(left.own([0])).rejects.toMatchObject({ code: 'STAGE_STOPPED' });
    for (const partition of [0, 1, 2]) {
      expect(bench.committed(partition)).toBe(32);
      expect(bench.published(partition)).toEqual(bench.expected(32, partition));
    }
  });

  it('lets go in bounded time although the log takes nothing any more', async () => {
    const bench = new StageBench(2);
    begin(bench, 0);
    begin(bench, 1);
    const stream = withAppend(bench, neverSettles);
    const transformer = bench.start({ stopMsMax: 30, tickMs: 1e6 }, { stream });
    const running = transformer.run();
    await until(() =>
      expect(transformer.status().partitions.map(({ position }) => position)).toEqual([5, 5]),
    );
    await transformer.own([1]);
    expect(transformer.status().partitions.map(({ partition }) => partition)).toEqual([1]);
    expect(bench.committed(0)).toBeUndefined();
    await transformer.stop();
    await running;
  });

  it('stops in bounded time although the log takes nothing any more', async () => {
    for (const append of [neverSettles, failsForEver]) {
      const bench = new StageBench();
      begin(bench);
      const transformer = bench.start({ stopMsMax: 30 }, { stream: withAppend(bench, append) });
      const running = transformer.run();
      await until(() => expect(transformer.status().partitions[0]!.position).toBe(5));
      await transformer.stop();
      await running;
      expect(bench.committed()).toBeUndefined();
    }
  });

  it('is not ready, and tells why, while the log takes nothing of a partition', async () => {
    const bench = new StageBench();
    begin(bench);
    const transformer = bench.start({}, { stream: withAppend(bench, failsForEver) });
    const running = transformer.run();
    await until(() => {
      const { ready, partitions } = transformer.status();
      expect(ready).toBe(false);
      expect(partitions[0]).toMatchObject({ state: 'waiting', reason: { code: 'AWAY' } });
    });
    await transformer.kill();
    await running;
  });

  it('stops in bounded time although a commit never comes back', async () => {
    const bench = new StageBench();
    begin(bench);
    const store = new MemoryStateStore(bench.database);
    const state: StateStore = {
      load: (partition) => store.load(partition),
      commit: neverSettles,
      discardCorrupt: (partition) => store.discardCorrupt(partition),
      close: () => store.close(),
    };
    const transformer = bench.start({ stopMsMax: 30 }, { state });
    const running = transformer.run();
    await until(() => expect(transformer.status().partitions[0]!.position).toBe(5));
    await transformer.stop();
    await running;
  });

  it('ends with a defect, and everybody with it', async () => {
    const bench = new StageBench(2);
    begin(bench, 0);
    begin(bench, 1);
    const stream = openMemoryStream(bench.log);
    const broken: Stream = {
      ...delegating(stream),
      reader: (topic, partition, position) =>
        stream.reader(topic, partition, partition === 1 && position === 0 ? 1 : position),
    };
    // Reading the log id works; what is read to be folded is not what was asked for.
    let reads = 0;
    const reader: Stream['reader'] = (topic, partition, position) =>
      partition === 1 && (reads += 1) === 2
        ? broken.reader(topic, partition, position)
        : stream.reader(topic, partition, position);
    const transformer = bench.start({}, { stream: { ...broken, reader } });
    await expect(transformer.run()).rejects.toThrow(/record 1 was read at position 0/);
    expect(transformer.status().partitions[1]).toMatchObject({
      state: 'stopped',
      reason: { code: 'UNKNOWN' },
    });
  });

  it('goes on by itself after the state or the log was away', async () => {
    const bench = new StageBench();
    begin(bench);
    let failures = 4;
    const fail = (): void => {
      failures -= 1;
      if (failures >= 0) throw away();
    };
    const store = new MemoryStateStore(bench.database);
    const stream = openMemoryStream(bench.log);
    const transformer = bench.start(
      {},
      {
        stream: {
          ...delegating(stream),
          bounds: async (topic, partition) => {
            fail();
            return stream.bounds(topic, partition);
          },
        },
        state: {
          load: async (partition) => {
            fail();
            return store.load(partition);
          },
          commit: (commit) => store.commit(commit),
          discardCorrupt: (partition) => store.discardCorrupt(partition),
          close: () => store.close(),
        },
      },
    );
    const running = transformer.run();
    await until(() => expect(transformer.status().partitions[0]!.reason?.code).toBe('AWAY'));
    expect(transformer.status().partitions[0]!.state).toBe('waiting');
    await until(() => expect(bench.committed()).toBeGreaterThan(5));
    expect(transformer.status().partitions[0]).not.toHaveProperty('reason');
    await transformer.stop();
    await running;
    expect(bench.published()).toEqual(bench.expected(bench.committed()!));
  });
});

function away(): MillraceError {
  return new MillraceError({ code: 'AWAY', kind: 'transient', message: 'It is away.' });
}

const neverSettles = (): Promise<never> => new Promise(() => undefined);
const failsForEver = (): Promise<never> => Promise.reject(away());

function delegating(stream: Stream): Stream {
  return {
    partitions: stream.partitions,
    producer: () => stream.producer(),
    reader: (topic, partition, position) => stream.reader(topic, partition, position),
    bounds: (topic, partition) => stream.bounds(topic, partition),
    release: (topic, partition, position) => stream.release(topic, partition, position),
    close: () => stream.close(),
  };
}

/** The bench's stream, whose series topic is appended to like this. */
function withAppend(bench: StageBench, append: () => Promise<never>): Stream {
  const stream = openMemoryStream(bench.log);
  const producer = stream.producer();
  return {
    ...delegating(stream),
    producer: () => ({
      append: (topic, partition, payload) =>
        topic === TOPIC_SERIES ? append() : producer.append(topic, partition, payload),
      close: () => producer.close(),
    }),
  };
}
