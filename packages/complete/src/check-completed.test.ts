import {
  createMemoryCompletionStore,
  createMemoryStore,
  createMemoryStoreReader,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import { variedLog } from '@millrace/transformer/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkCompleted, type CheckComponents, type CompletedCheck } from './check-completed.ts';
import { COMPLETE_DEFAULTS } from './complete-settings.ts';
import { complete } from './testing/completed-log.ts';
import { makeScene, ticksUntilOver, type Scene, type SceneParams } from './testing/scene.ts';

interface Stored extends Scene {
  database: MemoryStoreDatabase;
  complete: (isAgain?: boolean) => ReturnType<typeof complete>;
  check: (wanted?: Partial<CheckComponents>, windowsMax?: number) => Promise<CompletedCheck>;
}

async function stored(params: Partial<SceneParams> & { seed: number }): Promise<Stored> {
  const database = new MemoryStoreDatabase();
  const all = { partitions: 2, records: 120, ...params };
  const scene = await makeScene(createMemoryStore(database), all);
  const { log } = scene.live;
  return {
    ...{ ...scene, database },
    complete: (isAgain = false) =>
      complete({ log, store: createMemoryCompletionStore(database) }, { isAgain }),
    check: async (wanted = {}, windowsMax = COMPLETE_DEFAULTS.windowsMax) => {
      const stream = openMemoryStream(log);
      const store = await createMemoryStoreReader(database).snapshot();
      const how = { isWanted: () => true, isNearCut: () => false };
      const settings = { ...COMPLETE_DEFAULTS, windowsMax, logWaitMsMax: 500 };
      try {
        return await checkCompleted({ stream, store, ...how, ...wanted }, settings);
      } finally {
        await stream.close();
      }
    },
  };
}

describe('what was computed again is what it would be now', () => {
  test.each([1, 2])('all of it, some at a time, seed %i', async (seed) => {
    const all = await stored({ seed });
    expect(await all.check()).toMatchObject({ compared: 0, faults: [] });
    await all.complete();
    const found = await all.check({}, 150);
    expect(found.faults).toEqual([]);
    expect(found).toMatchObject({ reasons: [], notOver: 0, changedBefore: 0 });
    expect(found.compared).toBe(all.database.complete.size);
  });

  test.each([6, 7])('also while later samples mark some of it, seed %i', async (seed) => {
    const all = await stored({ seed });
    await all.complete();
    const more = variedLog(seed * 100 + 50, { records: 60 }).slice(2);
    more.push(...ticksUntilOver(all.records[0]!.at(-1)!.appendTimeUs));
    await all.live.append(0, more);
    const found = await all.check();
    expect(found.faults).toEqual([]);
    expect(found.compared).toBeLessThan(all.database.complete.size);
    await all.complete();
    expect(await all.check()).toMatchObject({ faults: [], changedBefore: 0, reasons: [] });
  });

  test('and where the log lacks its beginning it says what it could not compare', async () => {
    // A request's identity that is forgotten, and used again for other samples, is nobody's fault.
    const settings = { identityHorizonUs: 86_400_000_000, identitiesMax: 10_000 };
    const how = { checkpoints: [40, 80, 120, 160], segmentBytes: 2000, settings, records: 200 };
    const all = await stored({ seed: 2, ...how });
    await all.complete();
    const stream = openMemoryStream(all.live.log);
    for (const partition of [0, 1]) await stream.release(TOPIC_EVENTS, partition, 120);
    await stream.close();
    const found = await all.check();
    expect(found.faults).toEqual([]);
    expect(found.reasons.map(({ reason }) => reason)).toContain('cut');
    expect(found.compared).toBeGreaterThan(0);
  });
});

const OTHERS = {
  ...{ sum: 3.5, count: 77, max: 1e9, last: undefined, increase: NaN },
  ...{ histogram: Uint8Array.of(9), distinct: Uint8Array.of(9) },
  inputs: Uint8Array.of(1, 0, 0, 0, 0),
};

describe('rows that somebody changed', () => {
  let all: Stored;
  beforeEach(async () => {
    all = await stored({ seed: 3, partitions: 1, records: 60 });
    await all.complete();
  });

  test('are found, whatever was changed, and computed again when that is asked for', async () => {
    const { complete: rows } = all.database;
    const before = structuredClone([...rows]);
    const left = [...rows.values()];
    for (const [column, value] of Object.entries(OTHERS)) {
      const at = left.findIndex((one) => one[column as keyof typeof OTHERS] !== undefined);
      Object.assign(left.splice(at, 1)[0]!, { [column]: value });
    }
    const found = await all.check();
    expect(found.counts).toEqual({ differs: Object.keys(OTHERS).length, gone: 0 });
    const columns = found.faults.map(({ expected }) => expected.split(' ')[0]);
    expect(new Set(columns)).toEqual(new Set(Object.keys(OTHERS)));
    // None of them shows as marked, so it has to be said.
    expect(await all.complete()).toMatchObject({ marked: 0 });
    const report = await all.complete(true);
    expect(report).toMatchObject({ marked: before.length, completed: before.length });
    expect(await all.check()).toMatchObject({ faults: [], reasons: [] });
    for (const [name, row] of before) expect(rows.get(name)).toEqual({ ...row, run: 3 });
  });

  test('one that is gone of a window in which a counter goes on', async () => {
    const { complete: rows, finals } = all.database;
    const unmarked = [...rows].filter(([, { edition, widthUs, startUs, seriesId, increase }]) => {
      const of = finals.filter(
        (one) =>
          one.edition === edition &&
          one.widthUs === widthUs &&
          one.startUs === startUs &&
          Buffer.compare(one.fingerprint.subarray(0, 8), seriesId) === 0,
      );
      const shown = of.reduce((sum, one) => sum + (one.increase ?? 0), 0);
      return !of.some(({ marked }) => marked) && Math.abs(shown - increase!) > 0.01;
    });
    expect(unmarked.length).toBeGreaterThan(0);
    const [name, row] = unmarked[0]!;
    rows.delete(name);
    const found = await all.check();
    expect(found.counts).toEqual({ differs: 0, gone: 1 });
    expect(found.faults[0]).toMatchObject({ kind: 'gone', expected: `increase ${row.increase}` });
    expect(await all.complete(true)).toMatchObject({ notCompletable: 0 });
    expect(rows.get(name)).toEqual({ ...row, run: 2 });
    expect(await all.check()).toMatchObject({ faults: [] });
  });

  test('one that is gone of any other window shows as marked, and is made again', async () => {
    const { complete: rows, finals } = all.database;
    const marked = finals.find((one) => one.marked)!;
    const [name, row] = [...rows].find(
      ([, { seriesId, startUs, widthUs, edition }]) =>
        marked.startUs === startUs &&
        marked.widthUs === widthUs &&
        marked.edition === edition &&
        Buffer.compare(marked.fingerprint.subarray(0, 8), seriesId) === 0,
    )!;
    rows.delete(name);
    expect(await all.complete()).toMatchObject({ marked: 1, completed: 1 });
    expect(rows.get(name)).toEqual({ ...row, run: 2 });
  });
});
