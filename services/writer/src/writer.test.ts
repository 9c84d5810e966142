import type { Address } from '@millrace/model';
import { systemClock } from '@millrace/runtime';
import type { Store } from '@millrace/store';
import { createMemoryStore } from '@millrace/store/memory';
import { TOPIC_SERIES } from '@millrace/stream';
import { MemoryLog } from '@millrace/stream/memory';
import { SeriesRecordBuilder } from '@millrace/wire';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { countEntries } from './series-batch.ts';
import { recordsOf, TEST_LOG_ID } from './testing/entry-sequence.ts';
import {
  at,
  deferred,
  expectedSamples,
  expectMark,
  expectWhole,
  failure,
  samplesOf,
  isSorted,
  markOf,
  setMark,
  statusOf,
  until,
} from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

/** So that each batch waits for others. */
const LINGERS = { lingerEntriesPerSecondMin: 0.001 };

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());
const reaches = (position: number, partition = 0): Promise<void> =>
  expectMark(bench.database, position, partition);

describe('the writer', () => {
  it('brings every entry into the store, in order, and tells how far it is', async () => {
    const stored: Address[] = [];
    const marks = { set: (_: number, position: Address) => stored.push(position) };
    await bench.append(recordsOf({ position: 20 }));
    const { writer } = bench.start({ marks });
    await reaches(20);
    await bench.append(recordsOf({ from: at(20), position: 23 }));
    await reaches(23);
    expectWhole(bench.database, 23);
    await until(() =>
      expect(statusOf(writer)).toEqual({
        partition: 0,
        state: 'running',
        position: 23,
        endOffset: 23,
        lagMs: 0,
        partitionTimeUs: 22e6,
      }),
    );
    expect(writer.status()).toMatchObject({ stage: 'writer', ready: true });
    expect(stored.at(-1)).toEqual(at(23));
    expect(isSorted(stored)).toBe(true);
  });

  it('skips what is below the mark, also inside of a record', async () => {
    setMark(bench.database, at(6, 2));
    await bench.append(recordsOf({ position: 12, offsetsMax: 4 }));
    bench.start();
    await reaches(12);
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 12).slice(6 * 3 + 2));
    expect(bench.batches[0]?.from).toEqual(at(6, 2));
  });

  it('takes ranges that occur again only once, however they are cut', async () => {
    await bench.append(recordsOf({ position: 9 }));
    await bench.append(recordsOf({ from: at(3), position: 14, recordBytesMax: 250 }));
    await bench.append(recordsOf({ from: at(0), position: 30, offsetsMax: 11 }));
    bench.start();
    await reaches(30);
    expectWhole(bench.database, 30);
  });

  it('moves the mark over records that put nothing out', async () => {
    await bench.append(recordsOf({ position: 2 }));
    bench.start();
    await reaches(2);
    const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: 1 };
    const empty = new SeriesRecordBuilder(head, at(2), 1000);
    empty.flush(9);
    await bench.append(empty.sealed);
    await reaches(9);
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 2));
  });

  it('puts a backlog into few transactions and leaves out replaced revisions', async () => {
    await bench.append(recordsOf({ position: 700 }));
    bench.start({}, { batchEntriesMax: 500 });
    await reaches(700);
    expectWhole(bench.database, 700);
    const { batches } = bench;
    const entriesPerOffset = 5;
    expect(batches.length).toBeLessThan((700 * entriesPerOffset) / 400);
    const open = batches.flatMap(({ chunks }) => chunks.flatMap((chunk) => chunk.open));
    expect(open.length).toBeLessThanOrEqual(batches.length);
  });

  it('puts more of it into one where the store says that this costs less, to a bound', async () => {
    await bench.append(recordsOf({ position: 700, offsetsMax: 4 }));
    const { store } = bench;
    const apply: typeof store.apply = async (batch) => {
      return { ...(await store.apply(batch)), cheaperFrom: 5000 };
    };
    const long = { ...LINGERS, lingerMs: 3_600_000, lingerPauseMs: 3_600_000 };
    const bounds = { ...long, batchEntriesMax: 200, backlogEntriesMax: 3000 };
    bench.start({ store: { ...store, apply } }, bounds);
    await until(() => expect(bench.batches.length).toBeGreaterThan(3));
    const entries = bench.batches.map(({ chunks }) =>
      chunks.reduce((sum, chunk) => sum + countEntries(chunk), 0),
    );
    // A third of what is held, since others are applied meanwhile; four times as many each time.
    for (const [i, more] of entries.slice(0, -1).entries()) {
      const most = Math.min(200 * 4 ** i, 1000);
      // Without the revisions that later ones of the batch replace.
      expect(more).toBeGreaterThan(0.55 * most);
      expect(more).toBeLessThanOrEqual(most);
    }
  });

  it('waits for more while much comes, and no longer than until a batch is full', async () => {
    const long = { ...LINGERS, lingerMs: 3_600_000, lingerPauseMs: 3_600_000 };
    bench.start({}, { ...long, batchEntriesMax: 35 });
    await bench.append(recordsOf({ position: 4, offsetsMax: 2 }));
    await bench.append(recordsOf({ from: at(4), position: 8, offsetsMax: 1 }));
    await reaches(6);
    expect(bench.batches).toMatchObject([{ from: at(0), to: at(6) }]);
  });

  it('waits for more only for a while', async () => {
    bench.start({}, { ...LINGERS, lingerMs: 5 });
    await bench.append(recordsOf({ position: 2 }));
    await reaches(2);
  });

  it('waits no longer once nothing comes any more', async () => {
    bench.start({}, { ...LINGERS, lingerMs: 3_600_000, lingerPauseMs: 5 });
    await bench.append(recordsOf({ position: 2 }));
    await reaches(2);
  });

  it('waits for no longer because the clock was set back', async () => {
    let backUs = 0;
    const clock = { ...systemClock, nowUs: () => systemClock.nowUs() - backUs };
    bench.start({ clock }, { ...LINGERS, lingerMs: 5 });
    await bench.append(recordsOf({ position: 2 }));
    await reaches(2);
    backUs = 3600e6;
    await bench.append(recordsOf({ from: at(2), position: 4 }));
    await reaches(4);
  });

  it('keeps partitions apart', async () => {
    await bench.stop();
    bench = new WriterBench({ partitions: 3 });
    for (const partition of [0, 2]) {
      await bench.append(recordsOf({ position: 5 + partition }), partition);
    }
    const { writer } = bench.start();
    await reaches(5);
    await reaches(7, 2);
    await until(() => expect(writer.status().ready).toBe(true));
    expect(statusOf(writer, 1)).toMatchObject({ state: 'running', position: 0, endOffset: 0 });
  });

  it('writes only the partitions it is given', async () => {
    await bench.stop();
    bench = new WriterBench({ partitions: 2 });
    await bench.append(recordsOf({ position: 5 }), 0);
    await bench.append(recordsOf({ position: 5 }), 1);
    const { writer } = bench.start({}, { partitions: [1] });
    await reaches(5, 1);
    expect(writer.status().partitions.map(({ partition }) => partition)).toEqual([1]);
    expect(bench.database.marks.some(({ partition }) => partition === 0)).toBe(false);
  });
});

describe('a writer whose partitions come and go', () => {
  beforeEach(async () => {
    await bench.stop();
    bench = new WriterBench({ partitions: 2 });
    await bench.append(recordsOf({ position: 5 }), 0);
    await bench.append(recordsOf({ position: 5 }), 1);
  });

  it('writes those that it owns', async () => {
    const { writer } = bench.start({}, { partitions: [] });
    const rival = bench.start({ store: createMemoryStore(bench.database) }, { partitions: [0] });
    expect(writer.status()).toMatchObject({ ready: true, partitions: [] });
    await reaches(5, 0);
    expect(markOf(bench.database, 1)).toBeUndefined();
    await writer.own([1]);
    await reaches(5, 1);
    await rival.writer.own([]);
    await writer.own([1, 0]);
    for (const partition of [0, 1]) {
      await bench.append(recordsOf({ from: at(5), position: 9 }), partition);
      await reaches(9, partition);
    }
    await until(() =>
      expect(writer.status().partitions).toMatchObject([
        { partition: 0, state: 'running', position: 9, endOffset: 9 },
        { partition: 1, state: 'running', position: 9, endOffset: 9 },
      ]),
    );
    expect(samplesOf(bench.database).toSorted()).toEqual(
      [...expectedSamples(0, 9), ...expectedSamples(0, 9)].toSorted(),
    );
    await writer.stop();
    await expect(writer.own([0])).rejects.toMatchObject({ code: 'STAGE_STOPPED' });
  });

  it('lets go when the transaction under way is committed', async () => {
    const [started, held] = [deferred(), deferred()];
    const store: Store = {
      ...bench.store,
      apply: async (batch) => {
        started.resolve();
        await held.promise;
        return bench.store.apply(batch);
      },
    };
    const { writer } = bench.start({ store }, { partitions: [0] });
    await started.promise;
    let isLetGo = false;
    const losing = writer.own([]).then(() => {
      isLetGo = true;
    });
    expect(writer.status().partitions).toEqual([]);
    await bench.append(recordsOf({ from: at(5), position: 9 }), 0);
    expect(isLetGo).toBe(false);
    held.resolve();
    await losing;
    expect(markOf(bench.database, 0)).toEqual(at(5));
    expect(bench.batches.length).toBe(1);
  });

  it('lets go in bounded time although a transaction never comes back', async () => {
    const started = deferred();
    const store: Store = {
      ...bench.store,
      apply: () => {
        started.resolve();
        return new Promise(() => undefined);
      },
    };
    const { writer } = bench.start({ store }, { partitions: [0], stopMsMax: 20 });
    await started.promise;
    await writer.own([]);
    bench.start({}, { partitions: [0] });
    await reaches(5, 0);
  });
});

describe('two writers on one store', () => {
  it('bring every entry once', async () => {
    const rival = createMemoryStore(bench.database);
    bench.start();
    bench.start({ store: rival }, { batchEntriesMax: 12 });
    for (let offset = 0; offset < 200; offset += 20) {
      await bench.append(recordsOf({ from: at(offset), position: offset + 20 }));
      await until(() => expect(markOf(bench.database)?.offset).toBeGreaterThan(offset));
    }
    await reaches(200);
    expectWhole(bench.database, 200);
  });

  it('go back with a store that lost its last commits', async () => {
    await bench.append(recordsOf({ position: 10 }));
    bench.start();
    await reaches(10);
    const before = samplesOf(bench.database);
    setMark(bench.database, at(4));
    bench.database.samples.length = 4 * 3;
    await bench.append(recordsOf({ from: at(10), position: 12 }));
    await reaches(12);
    expect(samplesOf(bench.database)).toEqual([...before, ...expectedSamples(10, 12)]);
  });
});

describe('what the log may forget', () => {
  it('is only what a flushed mark covers', async () => {
    await bench.stop();
    const settings = { segmentBytes: 1_000, retentionMs: 0 };
    bench = new WriterBench({
      log: new MemoryLog({ partitions: 1, clock: systemClock, settings }),
    });
    await bench.append(recordsOf({ position: 50 }));
    let flushed = at(0);
    const live = () => ({ logId: TEST_LOG_ID, logNumber: 1, mark: flushed });
    let flushes = 0;
    const store: Store = {
      ...bench.store,
      flushedMarks: async () => {
        flushes += 1;
        return new Map([[0, live()]]);
      },
    };
    bench.start({ store }, { releaseMs: 2 });
    await reaches(50);
    const before = flushes;
    await until(() => expect(flushes).toBeGreaterThan(before + 3));
    expect(await bench.stream.bounds(TOPIC_SERIES, 0)).toEqual({ start: 0, end: 50 });
    flushed = at(100);
    // It began again meanwhile: where in the log its mark lies is known from the next batch on.
    let position = 50;
    await vi.waitFor(async () => {
      await bench.append(recordsOf({ from: at(position), position: (position += 1) }));
      const { start } = await bench.stream.bounds(TOPIC_SERIES, 0);
      expect(start).toBeGreaterThan(30);
    }, 10_000);
  });

  it('and what a crash took back is applied again, although nothing new comes', async () => {
    await bench.append(recordsOf({ position: 9 }));
    bench.start({}, { releaseMs: 2 });
    await reaches(9);
    // Without the row of its mark, and then with an older one.
    bench.database.samples = [];
    bench.database.marks = [];
    await reaches(9);
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 9));
    bench.database.samples = bench.database.samples.slice(0, 12);
    setMark(bench.database, at(4));
    await reaches(9);
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 9));
  });

  it('and so is the end of a job, although the live source lost nothing', async () => {
    await bench.append(recordsOf({ position: 5 }));
    await bench.append(recordsOf({ position: 3, source: 'job-7' }));
    const { database } = bench;
    const ofJob = () => database.marks.find(({ source }) => source === 'job-7');
    // How much of it is left by a crash just before its marks are flushed; at last not the row.
    const losses: (number | undefined)[] = [2, 0, undefined];
    const flushedMarks: Store['flushedMarks'] = async () => {
      if (losses.length > 0 && ofJob()?.mark.offset === 3) {
        const left = losses.shift();
        const others = database.marks.filter(({ source }) => source !== 'job-7');
        const mark = left === undefined ? [] : [{ ...ofJob()!, mark: at(left) }];
        database.marks = [...others, ...mark];
        database.samples = database.samples.slice(0, expectedSamples(0, 5 + (left ?? 0)).length);
      }
      return await bench.store.flushedMarks();
    };
    bench.start({ store: { ...bench.store, flushedMarks } }, { releaseMs: 2 });
    await until(() => {
      expect(losses).toEqual([]);
      expect(ofJob()?.mark).toEqual(at(3));
    });
    expect(samplesOf(database)).toEqual([...expectedSamples(0, 5), ...expectedSamples(0, 3)]);
  });

  it('lies below what live batches have, whatever mark another source has', async () => {
    await bench.stop();
    const settings = { segmentBytes: 1_000, retentionMs: 0 };
    bench = new WriterBench({
      log: new MemoryLog({ partitions: 1, clock: systemClock, settings }),
    });
    let flushes = 0;
    const store: Store = {
      ...bench.store,
      flushedMarks: async () => {
        flushes += 1;
        return bench.store.flushedMarks();
      },
    };
    const { writer } = bench.start({ store }, { releaseMs: 2 });
    await bench.append(recordsOf({ position: 5 }));
    await bench.append(recordsOf({ position: 50, source: 'job' }));
    // Far ahead of the live mark: it must not look as if that had been taken back.
    await until(() => expect(statusOf(writer)).toMatchObject({ position: 55, endOffset: 55 }));
    expect(statusOf(writer).partitionTimeUs).toBe(4e6);
    const before = flushes;
    await until(() => expect(flushes).toBeGreaterThan(before + 3));
    const { start } = await bench.stream.bounds(TOPIC_SERIES, 0);
    expect(start).toBeLessThanOrEqual(5);
    expect(statusOf(writer)).toMatchObject({ state: 'running', position: 55 });
    await bench.append(recordsOf({ from: at(5), position: 6 }));
    await vi.waitFor(async () => {
      expect((await bench.stream.bounds(TOPIC_SERIES, 0)).start).toBeGreaterThan(30);
    }, 10_000);
  });

  it('is nothing before the first batch: records may have been jumped over', async () => {
    await bench.stop();
    const settings = { segmentBytes: 1, retentionMs: 0 };
    bench = new WriterBench({
      log: new MemoryLog({ partitions: 1, clock: systemClock, settings }),
    });
    await bench.append(recordsOf({ position: 5 }));
    await bench.append(recordsOf({ position: 20, source: 'job' }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer)).toMatchObject({ position: 25 }));
    await writer.stop();
    await bench.append(recordsOf({ from: at(5), position: 12 }));
    // Somebody else does the same job.
    await bench.append(recordsOf({ position: 20, source: 'job' }));
    await bench.append(recordsOf({ position: 20, source: 'job' }));
    let flushes = 0;
    const flushedMarks: Store['flushedMarks'] = () => {
      flushes += 1;
      return bench.store.flushedMarks();
    };
    bench.start({ store: { ...bench.store, flushedMarks } }, { releaseMs: 2 });
    await until(() => expect(flushes).toBeGreaterThan(3));
    expect((await bench.stream.bounds(TOPIC_SERIES, 0)).start).toBeLessThanOrEqual(25);
    await bench.append(recordsOf({ from: at(12), position: 14 }));
    await reaches(14);
    expect(samplesOf(bench.database)).toEqual(expect.arrayContaining(expectedSamples(0, 14)));
  });

  it('is told again when it could not be told', async () => {
    let calls = 0;
    const flushedMarks: Store['flushedMarks'] = async () => {
      calls += 1;
      throw failure('transient');
    };
    const { writer } = bench.start({ store: { ...bench.store, flushedMarks } }, { releaseMs: 1 });
    await until(() => expect(calls).toBeGreaterThan(3));
    expect(writer.status().ready).toBe(true);
  });
});

describe('batching', () => {
  it('never changes what the store has in the end', async () => {
    const run = fc.record({
      recordBytesMax: fc.integer({ min: 60, max: 3_000 }),
      offsetsMax: fc.integer({ min: 1, max: 20 }),
      batchRecordsMax: fc.integer({ min: 1, max: 20 }),
      batchEntriesMax: fc.integer({ min: 1, max: 200 }),
      position: fc.integer({ min: 1, max: 60 }),
      again: fc.nat(30),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ recordBytesMax, offsetsMax, position, again, ...bounds }) => {
        const one = new WriterBench();
        const from = at(Math.max(0, position - again));
        await one.append(recordsOf({ position, recordBytesMax, offsetsMax }));
        await one.append(recordsOf({ from, position: position + 7, offsetsMax }));
        one.start({}, bounds);
        await until(() => expect(markOf(one.database)).toEqual(at(position + 7)));
        await one.stop();
        expectWhole(one.database, position + 7);
      }),
      { numRuns: 60 },
    );
  });
});
