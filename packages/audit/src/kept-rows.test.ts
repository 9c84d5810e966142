import { variedLog } from '@millrace/transformer/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { plainLog } from './testing/plain-log.ts';
import { storeLog, type StoredLog } from './testing/stored-log.ts';

const SECOND_US = 1_000_000;

describe('what the store says it deleted of one tenant', () => {
  let stored: StoredLog;
  let middleUs: number;
  beforeEach(async () => {
    stored = await storeLog([plainLog(0, 'acme'), plainLog(1, 'gold')]);
    const times = stored.database.samples.map(({ timeUs }) => timeUs);
    middleUs = (Math.min(...times) + Math.max(...times)) / 2;
  });

  function tenantOf(seriesId: string): string | undefined {
    return stored.database.definitions.get(seriesId)?.tenant;
  }

  /** Deletes samples of a tenant before a time; returns how many. */
  function deleteSamples(tenant: string, beforeUs: number): number {
    const { database } = stored;
    const before = database.samples.length;
    database.samples = database.samples.filter(
      ({ seriesId, timeUs }) => timeUs >= beforeUs || tenantOf(seriesId) !== tenant,
    );
    return before - database.samples.length;
  }

  async function missing(): Promise<number[]> {
    const found: number[] = [];
    for (const isDeep of [false, true]) {
      const { findings } = await stored.run({ isDeep });
      found.push(findings.reduce((sum, { count }) => sum + count, 0));
    }
    return found;
  }

  test('is missed of nobody, and of others each row', async () => {
    const { expired, expiredApart } = stored.database;
    expiredApart.push('gold');
    const gone = deleteSamples('gold', middleUs);
    expect(gone).toBeGreaterThan(10);
    expect(await missing()).toEqual([gone, gone]);
    expired.push({ table: 'samples', tenant: 'gold', beforeUs: middleUs });
    expect(await missing()).toEqual([0, 0]);
    expect((await stored.run()).notes).toEqual([
      expect.stringMatching(/^Rows of samples of some tenants or rules before .* may be deleted/),
    ]);
    // The same times of somebody else.
    expect(await missing()).toEqual([0, 0]);
    const others = deleteSamples('acme', middleUs);
    expect(await missing()).toEqual([others, others]);
    expired.push({ table: 'samples', isOfOthers: true, beforeUs: middleUs });
    expect(await missing()).toEqual([0, 0]);
    const newer = deleteSamples('gold', middleUs + 3 * SECOND_US);
    expect(await missing()).toEqual([newer, newer]);
  });

  test('is told apart by edition and width where they are windows', async () => {
    stored = await storeLog([variedLog(2, { records: 300 })]);
    const { database } = stored;
    const first = database.finals.shift()!;
    const { edition, widthUs, startUs } = first;
    const table = widthUs < 3_600_000_000 ? 'windows_narrow' : 'windows_wide';
    const note = { table, edition, widthUs, isOfOthers: true, beforeUs: startUs + 1 } as const;
    const findings = async () => (await stored.run({ isDeep: true })).findings.length;
    expect(await findings()).toBe(1);
    for (const other of [
      { ...note, edition: edition + 1 },
      { ...note, widthUs: widthUs + 1 },
      { ...note, beforeUs: startUs },
    ]) {
      database.expired.splice(0, 1, other);
      expect(await findings()).toBe(1);
    }
    database.expired.splice(0, 1, note);
    expect(await findings()).toBe(0);
  });
});
