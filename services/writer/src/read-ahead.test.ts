import { setImmediate } from 'node:timers/promises';
import { ADDRESS_ZERO } from '@millrace/model';
import { systemClock, type Clock } from '@millrace/runtime';
import { openMemoryStream } from '@millrace/stream/memory';
import type { SealedRecord } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cursors } from './cursors.ts';
import { ReadAhead } from './read-ahead.ts';
import { SampleRooms } from './sample-room.ts';
import { writerSettings, type WriterSettings } from './settings.ts';
import { recordsOf, TEST_LOG_ID } from './testing/entry-sequence.ts';
import { until } from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

const LINGER_MS = 1000;
const MARK = { logId: TEST_LOG_ID, logNumber: 1, mark: ADDRESS_ZERO };
const GONE = new Error('gone');
/** An offset for each. */
const RECORDS = recordsOf({ position: 6 });

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());

/**
 * Where a batch ends of which one record is there when it is asked for, and another one comes in
 * the middle of each wait; and for how long it waited.
 */
async function taken(
  params: Readonly<{
    ageMs: number;
    cheaperFrom: number;
    backlogLingerMs?: number;
    backlogLingerMsMax?: number;
    lingerPauseMs?: number;
    backlogPauseMs?: number;
    /** The store was busy for so long with the batch before. */
    busyMs?: number;
  }>,
): Promise<{ to: number; waitedMs: number }> {
  const { ageMs, cheaperFrom } = params;
  const { backlogLingerMs = 3_600_000, lingerPauseMs = LINGER_MS, busyMs = 0 } = params;
  const { backlogLingerMsMax = 3_600_000 } = params;
  const rest = [...RECORDS];
  const append = (record: SealedRecord | undefined) =>
    bench.append(record === undefined ? [] : [record]);
  await append(rest.shift());
  let nowUs = ageMs * 1000;
  const startUs = nowUs;
  const clock: Clock = {
    nowUs: () => nowUs,
    sleep: async (ms) => {
      nowUs += (ms / 2) * 1000;
      await append(rest.shift());
      await until(() => expect(ahead.end).toBe(RECORDS.length - rest.length));
      // By then it is collected as well.
      await setImmediate();
      nowUs += (ms / 2) * 1000;
    },
  };
  const { backlogPauseMs = LINGER_MS } = params;
  const pauses = { lingerPauseMs, backlogPauseMs };
  const lingers = { lingerMs: LINGER_MS, ...pauses, backlogLingerMs, backlogLingerMsMax };
  const bounds = { lingerEntriesPerSecondMin: 0.001, ...lingers };
  const ahead = new ReadAhead({
    stream: openMemoryStream(bench.log),
    clock,
    partition: 0,
    position: 0,
    cursors: new Cursors(0, new Map([['live', MARK]])),
    settings: writerSettings({ ...bounds, readWaitMs: 20, backlogAgeMs: 60_000 }),
    rooms: new SampleRooms(1000),
    collectingTurn: async () => await Promise.resolve(() => undefined),
    turn: async () => await Promise.resolve(() => undefined),
  });
  nowUs += busyMs * 1000;
  ahead.applied(0, cheaperFrom);
  const fetched = await ahead.take(new AbortController().signal);
  await ahead.close();
  if (!('batch' in fetched)) throw new Error('there is a gap');
  return { to: fetched.batch.to.offset, waitedMs: (nowUs - startUs) / 1000 };
}

const OLD = { ageMs: 3_600_000, cheaperFrom: 2_000_000 };

describe('a batch that costs less with more in it', () => {
  it('waits while old samples come without a pause', async () => {
    const { to, waitedMs } = await taken(OLD);
    expect(to).toBe(RECORDS.length);
    expect(waitedMs).toBeGreaterThan(LINGER_MS);
  });

  it('waits while they come with longer pauses than new ones may have', async () => {
    const wait = { ...OLD, backlogPauseMs: 5 * LINGER_MS };
    // A wait of all of a pause in which one record came is followed by others.
    const { to, waitedMs } = await taken(wait);
    expect(to).toBe(RECORDS.length);
    expect(waitedMs).toBeGreaterThan(5 * LINGER_MS);
  });

  it('of old samples waits no longer than it may', async () => {
    const { to, waitedMs } = await taken({ ...OLD, backlogLingerMs: 1200 });
    expect(to).toBeLessThan(RECORDS.length);
    expect(waitedMs).toBeLessThanOrEqual(1200);
  });

  it.each([
    ['', 20_000, 2000],
    [', but no longer than it may', 1500, 1500],
  ])('of old samples waits longer where the store was busy for long%s', async (_, max, least) => {
    const busy = { ...OLD, backlogLingerMs: 1200, busyMs: 500 };
    const { waitedMs } = await taken({ ...busy, backlogLingerMsMax: max });
    expect(waitedMs).toBeGreaterThan(least - 100);
    expect(waitedMs).toBeLessThanOrEqual(least);
  });

  it('of new samples waits as any other does', async () => {
    expect(await taken({ ...OLD, ageMs: 59_000 })).toEqual({ to: 2, waitedMs: LINGER_MS });
  });
});

it('a batch of old samples that costs no less waits as any other does', async () => {
  expect(await taken({ ...OLD, cheaperFrom: 0 })).toEqual({ to: 2, waitedMs: LINGER_MS });
});

it('a batch waits for new samples only while they come without a pause', async () => {
  const { to, waitedMs } = await taken({ ageMs: 0, cheaperFrom: 0, lingerPauseMs: 100 });
  expect(to).toBe(RECORDS.length);
  // Each of them came in the middle of a wait of a pause at most.
  expect(waitedMs).toBeGreaterThan(100);
  expect(waitedMs).toBeLessThan(RECORDS.length * 100);
  const atOnce = await taken({ ageMs: 0, cheaperFrom: 0, lingerPauseMs: 0.5 });
  expect(atOnce.waitedMs).toBe(0);
});

describe('how many entries a batch may have', () => {
  /** Each record has fewer. */
  const PER_RECORD = 9;
  const USUAL = 60;
  const RECORDS_OF_BACKLOG = recordsOf({ position: 700, offsetsMax: 1 });
  const isFull = (entries: number, most: number): boolean =>
    entries <= most && entries > most - PER_RECORD;

  /** Lets the store say that more cost less, and takes one batch after another. */
  async function open(
    backlogEntriesMax: number,
    turn = async (_signal: AbortSignal): Promise<() => void> => await Promise.resolve(() => {}),
    collectingTurn = turn,
    records = Infinity,
    { clock = systemClock, ...more }: { clock?: Clock } & Partial<WriterSettings> = {},
  ) {
    await bench.append(RECORDS_OF_BACKLOG.slice(0, records));
    const bounds = { batchEntriesMax: USUAL, largeBatchesMax: 1, backlogEntriesMax, ...more };
    const ahead = new ReadAhead({
      ...{ stream: openMemoryStream(bench.log), clock, partition: 0, position: 0 },
      cursors: new Cursors(0, new Map([['live', MARK]])),
      settings: writerSettings({ ...bounds, batchObjectsMax: 10_000, readWaitMs: 20 }),
      ...{ turn, collectingTurn, rooms: new SampleRooms(1000) },
    });
    const { signal } = new AbortController();
    const take = async (): Promise<number> => {
      const fetched = await ahead.take(signal);
      if (!('batch' in fetched)) throw new Error('there is a gap');
      const { entries } = fetched.batch;
      ahead.applied(entries, 10_000);
      // What is read is collected by then, as far as it fits.
      for (let i = 0; i < 20; i += 1) await setImmediate();
      return entries;
    };
    return { ahead, take };
  }

  it('is four times as much from one to the next, up to what is held in all', async () => {
    // One is collected and one applied.
    const { ahead, take } = await open(2 * 9 * USUAL);
    let before = await take();
    expect(before).toSatisfy((n: number) => isFull(n, USUAL));
    for (let i = 0; i < 4; i += 1) {
      const most = Math.min(4 * Math.max(USUAL, before), 9 * USUAL);
      before = await take();
      expect(before).toSatisfy((n: number) => isFull(n, most));
    }
    expect(before).toBeGreaterThan(8 * USUAL);
    await ahead.close();
  });

  it('is the usual before a batch is asked for, and until its turn to collect', async () => {
    const given: (() => void)[] = [];
    let held = 0;
    const collectingTurn = async (): Promise<() => void> => {
      await new Promise<void>((resolve) => given.push(resolve));
      held += 1;
      return () => (held -= 1);
    };
    const { ahead } = await open(1e6, undefined, collectingTurn);
    ahead.applied(0, 10_000);
    for (let i = 0; i < 20; i += 1) await setImmediate();
    expect(given).toEqual([]);
    const taking = ahead.take(new AbortController().signal);
    await until(() => expect(given.length).toBe(1));
    for (let i = 0; i < 20; i += 1) await setImmediate();
    expect(held).toBe(0);
    given[0]!();
    const fetched = await taking;
    if (!('batch' in fetched)) throw new Error('there is a gap');
    expect(fetched.batch.entries).toSatisfy((n: number) => isFull(n, 4 * USUAL));
    expect(held).toBe(0);
    await ahead.close();
  });

  it('gives the turn to collect back when nobody waits for the batch any more', async () => {
    let held = 0;
    const collectingTurn = async (): Promise<() => void> => {
      held += 1;
      return await Promise.resolve(() => (held -= 1));
    };
    const stopping = new AbortController();
    const turn = async (signal: AbortSignal): Promise<() => void> => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(GONE)));
      throw GONE;
    };
    const { ahead } = await open(1e6, turn, collectingTurn);
    ahead.applied(0, 10_000);
    const taking = ahead.take(stopping.signal);
    await until(() => expect(held).toBe(1));
    stopping.abort();
    await expect(taking).rejects.toBe(GONE);
    expect(held).toBe(0);
    await ahead.close();
  });

  it('goes on to collect until it is the turn of the batch', async () => {
    let mine: (() => void) | undefined;
    let given = 0;
    const turn = async (): Promise<() => void> => {
      await new Promise<void>((resolve) => (mine = resolve));
      return () => (given += 1);
    };
    const collectingTurn = async () => await Promise.resolve(() => undefined);
    const { ahead } = await open(1e6, turn, collectingTurn, 20);
    ahead.applied(0, 10_000);
    const taking = ahead.take(new AbortController().signal);
    await until(() => expect(mine).toBeDefined());
    await bench.append(RECORDS_OF_BACKLOG.slice(20));
    await until(() => expect(ahead.end).toBeGreaterThan(20));
    for (let i = 0; i < 20; i += 1) await setImmediate();
    mine!();
    const fetched = await taking;
    if (!('batch' in fetched)) throw new Error('there is a gap');
    expect(fetched.batch.entries).toSatisfy((n: number) => isFull(n, 4 * USUAL));
    fetched.giveBack!();
    expect(given).toBe(1);
    await ahead.close();
  });

  it('is filled with what lies in the log, however long that takes to read', async () => {
    let nowUs = 0;
    const clock: Clock = {
      // Each look takes a while.
      nowUs: () => (nowUs += 30_000),
      sleep: async (_ms, signal) =>
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(GONE))),
    };
    const collectingTurn = async () => await Promise.resolve(() => undefined);
    const rates = { lingerEntriesPerSecondMin: 0.001, lingerMs: LINGER_MS };
    const one = { clock, readBytesMax: 1, ...rates };
    const { ahead, take } = await open(1e6, undefined, collectingTurn, Infinity, one);
    ahead.applied(0, 10_000);
    let beganUs: number;
    do {
      beganUs = nowUs;
      for (let i = 0; i < 20; i += 1) await setImmediate();
      // Until a usual batch is full.
    } while (nowUs > beganUs);
    expect(await take()).toSatisfy((n: number) => isFull(n, 4 * USUAL));
    expect(nowUs - beganUs).toBeGreaterThan(LINGER_MS * 1000);
    await ahead.close();
  });

  it('waits for others since the one before was taken, and not again for its turn', async () => {
    let nowUs = 3_600_000_000;
    const clock: Clock = {
      nowUs: () => nowUs,
      sleep: async (_ms, signal) =>
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(GONE))),
    };
    const collectingTurn = async () => {
      // Other partitions collected for so long.
      nowUs += 5_000_000;
      return await Promise.resolve(() => undefined);
    };
    const lingers = { lingerEntriesPerSecondMin: 0.001, lingerMs: 60_000, backlogLingerMs: 4000 };
    const { ahead } = await open(1e6, undefined, collectingTurn, 20, { clock, ...lingers });
    ahead.applied(0, 10_000);
    await until(() => expect(ahead.end).toBe(20));
    for (let i = 0; i < 20; i += 1) await setImmediate();
    const fetched = await ahead.take(new AbortController().signal);
    expect(fetched).toMatchObject({ batch: { records: 20 } });
    await ahead.close();
  });

  it('does not wait for a turn where what follows would not fit all the same', async () => {
    await bench.append(recordsOf({ position: 1 }));
    await bench.append(recordsOf({ position: 1, source: 'job-1' }));
    const marks = new Map([
      ['live', MARK],
      ['job-1', MARK],
    ]);
    const collectingTurn = vi.fn<() => Promise<() => void>>();
    const ahead = new ReadAhead({
      ...{ stream: openMemoryStream(bench.log), clock: systemClock, partition: 0, position: 0 },
      cursors: new Cursors(0, marks),
      settings: writerSettings({ readWaitMs: 20 }),
      ...{ collectingTurn, turn: collectingTurn, rooms: new SampleRooms(1000) },
    });
    ahead.applied(600_000, 10_000_000);
    await until(() => expect(ahead.end).toBe(2));
    for (let i = 0; i < 20; i += 1) await setImmediate();
    for (const source of ['live', 'job-1']) {
      const fetched = await ahead.take(new AbortController().signal);
      expect(fetched).toMatchObject({ batch: { key: { source }, records: 1 } });
    }
    expect(collectingTurn).not.toHaveBeenCalled();
    await ahead.close();
  });
});
