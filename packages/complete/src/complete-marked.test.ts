import {
  createMemoryCompletionStore,
  createMemoryStore,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import type { CompletionStore } from '@millrace/store';
import { TOPIC_EVENTS } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import { variedLog } from '@millrace/transformer/testing';
import { describe, expect, test } from 'vitest';
import { complete, completeColumns } from './testing/completed-log.ts';
import {
  expectedColumns,
  makeScene,
  ticksUntilOver,
  withoutSigns,
  type Scene,
  type SceneParams,
} from './testing/scene.ts';

const SEEDS = [1, 2, 3, 4];
const RECORDS = 250;
const CHECKPOINTS = [40, 80, 120, 160, 200, 240];

interface Stored extends Scene {
  database: MemoryStoreDatabase;
  store: CompletionStore;
}

async function stored(params: Partial<SceneParams> & { seed: number }): Promise<Stored> {
  const database = new MemoryStoreDatabase();
  const all = { partitions: 2, records: RECORDS, ...params };
  const scene = await makeScene(createMemoryStore(database), all);
  return { ...scene, database, store: createMemoryCompletionStore(database) };
}

/** Every window that was completed is what the oracle says. */
function expectWhole({ database, records }: Stored): void {
  const expectedOf = expectedColumns(records);
  const rows = [...database.complete];
  expect(rows.map(([name, row]) => [name, withoutSigns(completeColumns(row))])).toEqual(
    rows.map(([name, { edition }]) => [name, expectedOf(edition, name)]),
  );
}

describe('what is marked is computed again from all samples', () => {
  test.each(SEEDS)('in several partitions, seed %i', async (seed) => {
    const all = await stored({ seed });
    const report = await complete({ log: all.live.log, store: all.store });
    expect(report).toMatchObject({ notOver: 0, notCompletable: 0, reasons: [] });
    expect(report.completed).toBe(report.marked);
    expect(report.completed).toBeGreaterThan(100);
    expectWhole(all);
  });

  test.each([5])('in many rounds, some windows at a time, seed %i', async (seed) => {
    const all = await stored({ seed, partitions: 1, records: 120 });
    const few = { samplesMax: 120, windowsMax: 200 };
    const report = await complete({ log: all.live.log, store: all.store }, few);
    expect(report).toMatchObject({ notCompletable: 0, completed: report.marked });
    expect(report.records).toBeGreaterThan(1000);
    expectWhole(all);
  });

  test('but for windows of series that have too many samples, which say so', async () => {
    const all = await stored({ seed: 5, partitions: 1, records: 120 });
    const parts = { log: all.live.log, store: all.store };
    const report = await complete(parts, { samplesMax: 24 });
    const reasons = report.reasons.map(({ reason }) => reason);
    expect(reasons).toContain('size');
    // Besides, those in which a counter goes on in one of them.
    expect(new Set(['size', 'followed', ...reasons]).size).toBe(2);
    const outputs = [...all.database.notCompletable.values()]
      .filter(({ reason }) => reason === 'size')
      .map(({ edition, seriesId }) => `${edition} ${Buffer.from(seriesId).toString('hex')}`);
    expect(report.completed).toBeGreaterThan(100);
    expect(report.notCompletable).toBeGreaterThan(10);
    expect(new Set(outputs).size).toBeLessThan(20);
    expectWhole(all);
    // By more memory they are completed as well.
    expect(await complete(parts)).toMatchObject({ completed: report.notCompletable });
    expectWhole(all);
  });

  test.each([6, 7])('and only then once more, seed %i', async (seed) => {
    const all = await stored({ seed });
    const parts = { log: all.live.log, store: all.store };
    await complete(parts);
    const before = structuredClone([...all.database.complete]);
    expect(await complete(parts)).toMatchObject({ marked: 0, completed: 0, records: 0 });
    expect([...all.database.complete]).toEqual(before);
    // A second log as full as the first one, by other requests: some of it is new to the windows.
    const more = variedLog(seed * 100 + 50, { records: 60 }).slice(2);
    more.push(...ticksUntilOver(all.records[0]!.at(-1)!.appendTimeUs));
    await all.live.append(0, more);
    all.records[0]!.push(...more);
    const again = await complete(parts);
    expect(again.marked).toBeGreaterThan(10);
    expect(again).toMatchObject({ completed: again.marked, notCompletable: 0 });
    expectWhole(all);
  });
});

describe('where the log lacks its beginning', () => {
  test.each(SEEDS)('what can be told is what it was with all of it, seed %i', async (seed) => {
    // A request's identity that is forgotten, and used again for other samples, is nobody's fault.
    const settings = { identityHorizonUs: 86_400_000_000, identitiesMax: 10_000 };
    const how = { checkpoints: CHECKPOINTS, segmentBytes: 2000, settings };
    const all = await stored({ seed, ...how });
    const stream = openMemoryStream(all.live.log);
    for (const partition of [0, 1]) await stream.release(TOPIC_EVENTS, partition, 160);
    await stream.close();
    const report = await complete({ log: all.live.log, store: all.store });
    expect(report.completed).toBeGreaterThan(20);
    expect(report.notCompletable).toBeGreaterThan(20);
    expect(report.reasons.map(({ reason }) => reason)).toContain('cut');
    expect(report.reasons[0]!.message).toMatch(/The log of partition 0 begins at \d+/);
    expectWhole(all);
    // Nobody looks at those again before something comes to them.
    const parts = { log: all.live.log, store: all.store };
    const scheduled = await complete(parts, {}, { isScheduled: true });
    expect(scheduled).toMatchObject({ marked: 0, records: 0 });
    expect(await complete(parts)).toMatchObject({ completed: 0, marked: report.notCompletable });
  });
});

describe('a run that breaks off', () => {
  const often = { timeout: 120_000 };

  test('anywhere leaves what is whole, and the next one does the rest', often, async () => {
    const params = { seed: 3, partitions: 1, records: 25 };
    const unbroken = await stored(params);
    const { marked } = await complete({ log: unbroken.live.log, store: unbroken.store });
    const names = [...unbroken.database.complete.keys()].sort();
    expect(names.length).toBeGreaterThan(marked);
    let failing = 0;
    for (let isReached = true; isReached; failing += 1) {
      const all = await stored(params);
      let steps = 0;
      isReached = false;
      const step = (): void => {
        isReached ||= steps === failing;
        if (isReached) throw new Error('killed');
        steps += 1;
      };
      const parts = { log: all.live.log, store: breaking(all.store, step) };
      await complete(parts).catch((error: Error) => {
        expect(error.message).toBe('killed');
        expectWhole(all);
        // Its connection is gone, and the lock with it.
        all.database.completion.isUnderWay = false;
      });
      const report = await complete({ log: all.live.log, store: all.store });
      expect(report).toMatchObject({ completed: report.marked, notCompletable: 0 });
      expectWhole(all);
      // Also of windows that nothing marks there is none that was left out.
      expect([...all.database.complete.keys()].sort()).toEqual(names);
    }
    expect(failing).toBeGreaterThan(8);
  });

  test('is not joined by another one', async () => {
    const all = await stored({ seed: 2, records: 40 });
    const run = await all.store.begin({ isScheduled: false });
    const parts = { log: all.live.log, store: all.store };
    await expect(complete(parts)).rejects.toMatchObject({ code: 'COMPLETE_UNDER_WAY' });
    await run!.end({ marked: 0, completed: 0, notOver: 0, notCompletable: 0 });
    expect((await complete(parts)).completed).toBeGreaterThan(0);
  });
});

/** Breaks before and after every call. */
function breaking(store: CompletionStore, step: () => void): CompletionStore {
  const around = async <T>(call: () => Promise<T>): Promise<T> => {
    step();
    const result = await call();
    step();
    return result;
  };
  return {
    begin: async (how) => {
      const run = await around(() => store.begin(how));
      return (
        run && {
          run: run.run,
          marked: (scope) => around(() => run.marked(scope)),
          look: (names) => around(() => run.look(names)),
          replace: async (windows) => {
            let replaced = 0;
            const size = Math.ceil(windows.length / 4);
            for (let at = 0; at < windows.length; at += size) {
              replaced += await around(() => run.replace(windows.slice(at, at + size)));
            }
            return replaced;
          },
          fail: (windows) => around(() => run.fail(windows)),
          end: (counts, problem) => around(() => run.end(counts, problem)),
        }
      );
    },
    close: () => store.close(),
  };
}
