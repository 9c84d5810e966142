import {
  dropCandidate,
  heldByJobs,
  HistoryReader,
  JOB_OVER_POSITION,
  orderJobs,
} from '@millrace/control';
import { createMeter, MillraceError, silentLog } from '@millrace/runtime';
import {
  MemoryStateDatabase,
  MemoryStateStore,
  openMemoryStatePlaces,
} from '@millrace/state/memory';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import type { RuleFile } from '@millrace/rules';
import { describe, expect, it, vi } from 'vitest';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { StatePlaces } from '@millrace/state';
import { createTransformer } from '../transformer.ts';
import { DEFAULT_TRANSFORMER_SETTINGS } from '../settings.ts';
import { TEST_LOG_ID } from '../testing/fold-run.ts';
import { JobsBench } from '../testing/jobs-bench.ts';
import { variedLog } from '../testing/varied-log.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;

const RULES: RuleFile = {
  rules: [
    { name: 'other', match: '{}', by: ['job'], widths: ['20s', '1m'], aggregates: ['sum', 'rate'] },
    { name: 'gone', match: '{job="a",instance="x"}', drop: true },
  ],
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 2 });
}

interface BenchParams {
  sinceUs?: number;
  partitions?: number;
  records?: number;
  /** Called when a third of the log is there. */
  meanwhile?: (bench: JobsBench) => Promise<void>;
}

/** A log of some hundred records, and a candidate that begins behind all of them but a few. */
async function benchWith(seed: number, params: BenchParams = {}) {
  const { sinceUs = T0 + 600 * SECOND, partitions = 1, records = 160, meanwhile } = params;
  const bench = new JobsBench(partitions);
  await bench.begin();
  const data = (from: number, count: number) =>
    variedLog(from, { records: count })
      .map(({ record }) => record)
      .slice(2);
  for (const [i, record] of data(seed, records).entries()) {
    for (let p = 0; p < partitions; p += 1) bench.append(record, p);
    if (i === 50) await meanwhile?.(bench);
  }
  const candidate = await bench.beginCandidate(RULES, sinceUs);
  for (const record of data(seed + 1, 9)) bench.append(record);
  return { bench, candidate, number: candidate.number };
}

/** Folds what is there as it would be folded live, and makes a checkpoint of it. */
async function makeCheckpoint({ stream, clock }: JobsBench): Promise<void> {
  const { end } = await stream.bounds(TOPIC_EVENTS, 0);
  const state = new MemoryStateStore(new MemoryStateDatabase());
  const live = createTransformer(
    { stream, state, clock, log: silentLog, meter: createMeter() },
    { ...DEFAULT_TRANSFORMER_SETTINGS, partitions: [0], tickMs: 60_000 },
  );
  const folding = live.run();
  await until(() => expect(live.status().partitions[0]!.position).toBe(end));
  await live.stop();
  await folding;
  await live.checkpoint({ isAsked: true, signal: new AbortController().signal });
}

describe('jobs', () => {
  it('put out one sequence of entries, however often they are stopped or killed', async () => {
    const { bench, candidate, number } = await benchWith(5);
    for (let round = 0; round < 12; round += 1) {
      const jobs = bench.start();
      const running = jobs.run();
      const before = bench.stream.bounds(TOPIC_SERIES, 0);
      const { end } = await before;
      if (round % 3 > 0) {
        const enough = end + (round % 4);
        await until(() => {
          const { bounds } = bench.log.partition(TOPIC_SERIES, 0);
          const isOver = jobs.statuses()[0]?.state === 'over';
          expect(isOver || bounds.end >= enough).toBe(true);
        });
      }
      await (round % 2 === 0 ? jobs.kill() : jobs.stop());
      await running;
    }
    const last = bench.start();
    const running = last.run();
    await until(() => expect(last.isIdle()).toBe(true));
    expect(last.statuses()).toMatchObject([
      { candidate: number, partition: 0, state: 'over', committedPosition: JOB_OVER_POSITION },
    ]);
    await last.stop();
    await running;
    expect(bench.published(number)).toEqual(bench.expected(candidate));
    expect(bench.published(number).length).toBeGreaterThan(100);
  });

  it('end before a record behind their end that cannot be read', async () => {
    const { bench } = await benchWith(6);
    bench.log.partition(TOPIC_EVENTS, 0).append(Buffer.from('damaged'));
    const jobs = bench.start({ pollBytesMax: 1_048_576 });
    const running = jobs.run();
    await until(() => expect(jobs.statuses()).toMatchObject([{ state: 'over' }]));
    await jobs.stop();
    await running;
  });

  it('may be done twice at once', async () => {
    const { bench, candidate, number } = await benchWith(6);
    const both = [bench.start(), bench.start({ recordBytesMax: 700, pollBytesMax: 900 })];
    const running = both.map((jobs) => jobs.run());
    await until(() => expect(both.every((jobs) => jobs.isIdle())).toBe(true));
    await Promise.all(both.map((jobs) => jobs.stop()));
    await Promise.all(running);
    expect(bench.published(number)).toEqual(bench.expected(candidate));
  });

  it('that are over leave a note, and are not begun anew', async () => {
    const { bench, number } = await benchWith(7);
    for (let round = 0; round < 2; round += 1) {
      const { end: before } = await bench.stream.bounds(TOPIC_SERIES, 0);
      const jobs = bench.start();
      const running = jobs.run();
      await until(() => expect(jobs.isIdle()).toBe(true));
      expect(jobs.heldFrom(0)).toBe(Infinity);
      await jobs.stop();
      await running;
      const { end } = await bench.stream.bounds(TOPIC_SERIES, 0);
      expect(end > before).toBe(round === 0);
      const store = await openMemoryStatePlaces(bench.database).at(number);
      expect((await store.load(0))!.pages.size).toBe(1);
    }
  });

  it('rest while paused, hold to their rate, and keep events until they are over', async () => {
    const { bench, candidate, number } = await benchWith(8);
    await orderJobs(bench.parts, number, { isPaused: true });
    const jobs = bench.start();
    const running = jobs.run();
    await until(() => expect(jobs.statuses()[0]?.state).toBe('paused'));
    expect(jobs.heldFrom(0)).toBe(0);
    expect(bench.published(number)).toEqual([]);
    await orderJobs(bench.parts, number, { isPaused: false, samplesPerSecondMax: 300 });
    const begunUs = bench.clock.nowUs();
    await until(() => expect(jobs.statuses()[0]?.state).toBe('running'));
    await until(() => expect(jobs.statuses()[0]!.position).toBeGreaterThan(20));
    expect(jobs.statuses()[0]!.position).toBeLessThan(140);
    expect(jobs.heldFrom(0)).toBeLessThan(161);
    await orderJobs(bench.parts, number, { samplesPerSecondMax: 0 });
    await until(() => expect(jobs.isIdle()).toBe(true));
    expect(bench.clock.nowUs() - begunUs).toBeGreaterThan(0.2 * SECOND);
    await jobs.stop();
    await running;
    expect(bench.published(number)).toEqual(bench.expected(candidate));
  });

  it('rest while there is no room for what they write, with the reason, and go on', async () => {
    const { bench, candidate, number } = await benchWith(13);
    await orderJobs(bench.parts, number, { samplesPerSecondMax: 300 });
    let full: MillraceError | undefined;
    const jobs = bench.start({}, { whyFull: () => full });
    const running = jobs.run();
    await until(() => expect(jobs.statuses()[0]?.position ?? 0).toBeGreaterThan(20));
    full = new MillraceError({ code: 'JOB_DISK_FULL', kind: 'transient', message: 'It is full.' });
    const reason = { code: 'JOB_DISK_FULL', message: 'It is full.' };
    await until(() => expect(jobs.statuses()[0]).toMatchObject({ state: 'waiting', reason }));
    // What was folded by then is kept.
    const { position, committedPosition } = jobs.statuses()[0]!;
    expect(committedPosition).toBe(position);
    const { end } = await bench.stream.bounds(TOPIC_SERIES, 0);
    const fromUs = bench.clock.nowUs();
    await until(() => expect(bench.clock.nowUs() - fromUs).toBeGreaterThan(1.1 * SECOND));
    expect(await bench.stream.bounds(TOPIC_SERIES, 0)).toMatchObject({ end });
    expect(jobs.heldFrom(0)).toBe(position);
    full = undefined;
    await orderJobs(bench.parts, number, { samplesPerSecondMax: 0 });
    await until(() => expect(jobs.isIdle()).toBe(true));
    await jobs.stop();
    await running;
    expect(bench.published(number)).toEqual(bench.expected(candidate));
  });

  it('let go of the pages that they begin with once these are committed', async () => {
    const { bench, number } = await benchWith(12);
    await orderJobs(bench.parts, number, { samplesPerSecondMax: 50 });
    const inner = openMemoryStatePlaces(bench.database);
    let first: WeakRef<object> | undefined;
    const places: StatePlaces = {
      remove: (place, partitions) => inner.remove(place, partitions),
      close: () => inner.close(),
      at: async (place) => {
        const store = await inner.at(place);
        const commit: typeof store.commit = (what) => {
          first ??= new WeakRef(what.pages);
          return store.commit(what);
        };
        return {
          commit,
          load: (partition) => store.load(partition),
          readPosition: (partition) => store.readPosition(partition),
          discardCorrupt: (partition) => store.discardCorrupt(partition),
          close: () => store.close(),
        };
      },
    };
    const jobs = bench.start({}, { places });
    const running = jobs.run();
    await until(() => expect(jobs.statuses()[0]?.position ?? 0).toBeGreaterThan(2));
    await until(() => {
      collectGarbage();
      expect(first!.deref()).toBeUndefined();
    });
    expect(jobs.statuses()[0]!.state).toBe('running');
    await jobs.kill();
    await running;
  });

  it('end when their candidate is dropped, and nothing is kept of them', async () => {
    const { bench, number } = await benchWith(9);
    await orderJobs(bench.parts, number, { samplesPerSecondMax: 50 });
    const jobs = bench.start();
    const running = jobs.run();
    const store = await openMemoryStatePlaces(bench.database).at(number);
    await until(() => expect(jobs.statuses()[0]?.position ?? 0).toBeGreaterThan(2));
    expect(await store.load(0)).toBeDefined();
    await dropCandidate(bench.parts, number);
    await until(() => expect(jobs.statuses()).toEqual([]));
    await vi.waitFor(async () => expect(await store.load(0)).toBeUndefined(), 10_000);
    expect(jobs.heldFrom(0)).toBe(Infinity);
    await jobs.stop();
    await running;
  });

  it('of several partitions take turns', async () => {
    const { bench, candidate, number } = await benchWith(10, { partitions: 3 });
    const jobs = bench.start({ atOnceMax: 1 });
    const running = jobs.run();
    let most = 0;
    await until(() => {
      const busy = jobs.statuses().filter(({ state }) => state === 'running');
      most = Math.max(most, busy.length);
      expect(jobs.isIdle()).toBe(true);
    });
    expect(most).toBeLessThanOrEqual(1);
    await jobs.own([]);
    expect(jobs.statuses()).toEqual([]);
    await jobs.stop();
    await running;
    for (const partition of [0, 1, 2]) {
      expect(bench.published(number, partition)).toEqual(bench.expected(candidate, partition));
    }
  });

  it('begin with a checkpoint where the log forgot the rest, or say from when on', async () => {
    const { bench, candidate, number } = await benchWith(11, {
      // The built-in rule's widest window is an hour.
      sinceUs: T0 + 2801 * SECOND,
      records: 360,
      meanwhile: makeCheckpoint,
    });
    const expected = bench.expected(candidate);
    const { stream } = bench;
    await stream.release(TOPIC_EVENTS, 0, 51);
    expect((await stream.bounds(TOPIC_EVENTS, 0)).start).toBe(51);
    const late = await bench.beginCandidate(RULES, T0);
    const jobs = bench.start();
    const running = jobs.run();
    await until(() => {
      expect(jobs.statuses().map(({ state: how }) => how)).toEqual(['over', 'stopped']);
    });
    expect(bench.published(number)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(50);
    const [, stopped] = jobs.statuses();
    expect(stopped!.candidate).toBe(late.number);
    expect(stopped!.reason).toMatchObject({ code: 'REPROCESS_LOG_CUT' });
    // It keeps no event from being forgotten, also in the eyes of other processes.
    expect(jobs.heldFrom(0)).toBe(Infinity);
    const places = openMemoryStatePlaces(bench.database);
    expect(await heldByJobs({ history: new HistoryReader(stream), places }, 0, TEST_LOG_ID)).toBe(
      Infinity,
    );
    expect(jobs.isIdle()).toBe(false);
    expect(stopped!.reason!.remedy).toMatch(/reprocess --since 2023-11-14T/);
    await jobs.stop();
    await running;
    // Checkpoints are not read again for what is known to be gone.
    let looks = 0;
    const bounds: typeof stream.bounds = (topic, partition) => {
      if (topic === TOPIC_CHECKPOINTS) looks += 1;
      return stream.bounds(topic, partition);
    };
    const watched: Stream = {
      ...{ partitions: stream.partitions, bounds },
      reader: (topic, partition, offset) => stream.reader(topic, partition, offset),
      producer: () => stream.producer(),
      release: (topic, partition, before) => stream.release(topic, partition, before),
      close: () => stream.close(),
    };
    const again = bench.start({ lookAgainMs: 1 }, { stream: watched });
    const runningAgain = again.run();
    await until(() => expect(again.statuses()[1]?.state).toBe('stopped'));
    expect(again.statuses()[1]!.reason).toEqual(stopped!.reason);
    expect(again.heldFrom(0)).toBe(Infinity);
    await again.stop();
    await runningAgain;
    expect(looks).toBe(0);
  });
});
