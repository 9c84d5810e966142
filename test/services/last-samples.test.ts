import { fingerprintOf, partitionOf } from '@millrace/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Playground } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadSettings } from '../load/load-run.ts';
import { loadSeries } from '../load/load-series.ts';
import {
  countVisible,
  lastSpots,
  lookFor,
  newestGroups,
  onePerPartition,
  untilLastVisible,
} from './last-samples.ts';
import { StoreClient } from './store-client.ts';

const VISIBLE_MS_MAX = 30_000;
const CLASSES = 48;
const PARTITIONS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 48];

describe('the last samples of a load', () => {
  it('are those of the newest requests, though a step was not finished', () => {
    expect(newestGroups({ stepsOfGroup: [3, 3, 2, 2] })).toEqual([1, 0, 3, 2]);
    const many = { stepsOfGroup: Array.from({ length: 1000 }, (_, i) => (i < 10 ? 7 : 6)) };
    const newest = newestGroups(many);
    expect(newest.slice(0, 12)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 999, 998]);
    expect(newest).toHaveLength(64);
  });

  it('are of every partition, whatever number of them divides 48', () => {
    const numbers = onePerPartition(2000, 3000, loadSeries);
    expect(numbers).toHaveLength(CLASSES);
    for (const partitions of PARTITIONS) {
      const found = numbers.map((i) =>
        partitionOf(fingerprintOf('default', loadSeries(i)), 0, partitions),
      );
      expect(new Set(found).size).toBe(partitions);
    }
  });
});

describe('a look', () => {
  let playground: Playground;
  let store: StoreClient;
  let load: LoadSettings;
  beforeAll(async () => {
    playground = await Playground.make();
    const { info } = await playground.up();
    store = await StoreClient.connect(info);
    const firstTimeMs = Date.now() - 60_000;
    load = {
      ...{ ...DEFAULT_LOAD, url: info.url, firstTimeMs },
      ...{ series: 200, seriesPerRequest: 50, stepsMax: 20 },
    };
  });
  afterAll(async () => {
    await store?.close();
    await playground?.remove();
  });

  it('sees what was sent last, and no sample that was not', async () => {
    const result = await new LoadRun(load).run();
    await untilLastVisible(store, load, result, VISIBLE_MS_MAX);
    const spots = lastSpots(load, result);
    expect(await countVisible(store, spots)).toBe(spots.length);
    const stepsOfGroup = result.stepsOfGroup.map((steps, group) => steps + (group === 2 ? 1 : 0));
    const wanted = lastSpots(load, { stepsOfGroup });
    const seen = new Set(spots.map(({ id, time }) => `${id} ${time}`));
    const missing = wanted.filter(({ id, time }) => !seen.has(`${id} ${time}`)).length;
    expect(missing).toBeGreaterThan(5);
    expect(await countVisible(store, wanted)).toBe(wanted.length - missing);
    await expect(untilLastVisible(store, load, { stepsOfGroup }, 100)).rejects.toThrow(
      `${missing} of ${wanted.length} samples cannot be queried`,
    );
  });

  it('reads no table from its beginning to its end, and takes no helpers', async () => {
    const spots = lastSpots(load, { stepsOfGroup: [1, 1, 1, 1] });
    for (const table of ['samples', 'histograms'] as const) {
      const plan = await store.look(`EXPLAIN (FORMAT JSON) ${lookFor(table)}`, [
        spots.map(({ id }) => id),
        spots.map(({ time }) => time),
      ]);
      const text = JSON.stringify(plan);
      expect(text).toContain('Index');
      expect(text).not.toMatch(/Seq Scan|Gather/);
    }
  });
});
