import {
  createMemoryCompletionStore,
  createMemoryStore,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import { describe, expect, test } from 'vitest';
import { complete, completeColumns } from './testing/completed-log.ts';
import { expectedColumns, makeScene, withoutSigns, type Scene } from './testing/scene.ts';

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

/** What complete windows hold, and what the oracle says of them, by the same names. */
function compared(
  database: MemoryStoreDatabase,
  { records }: Scene,
): { found: unknown; expected: unknown } {
  const expectedOf = expectedColumns(records);
  const rows = [...database.complete];
  return {
    found: rows.map(([name, row]) => [name, withoutSigns(completeColumns(row))]),
    expected: rows.map(([name, { edition }]) => [name, expectedOf(edition, name)]),
  };
}

describe('what is marked is computed again from all samples', () => {
  test.each(SEEDS)('in several partitions, seed %i', async (seed) => {
    const database = new MemoryStoreDatabase();
    const params = { seed, partitions: 2, records: 250 };
    const scene = await makeScene(createMemoryStore(database), params);
    const store = createMemoryCompletionStore(database);
    const report = await complete({ log: scene.live.log, store });
    expect(report).toMatchObject({ notOver: 0, notCompletable: 0, reasons: [] });
    expect(report.completed).toBe(report.marked);
    expect(report.completed).toBeGreaterThan(30);
    const { found, expected } = compared(database, scene);
    expect(found).toEqual(expected);
  });
});
