import { afterEach, describe, expect, test } from 'vitest';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { unpackSamples } from '../services/unpack-samples.ts';
import { accountFor, runCrashRound } from './crash-round.ts';
import { CrashWorld, SmallDisk } from './crash-world.ts';

const STEPS = 120;
const DISK_MIB = 700;

let world: CrashWorld | undefined;
afterEach(async () => {
  await world?.remove();
  world = undefined;
});

describe('under load, everything acknowledged is stored once after', () => {
  test('kill -9 of the process', { timeout: 240_000 }, async () => {
    world = await CrashWorld.start();
    const { faults, result } = await runCrashRound(world, {
      metric: 'load_before_kill',
      share: 0.4,
      steps: STEPS,
      fault: (here) => here.killProcess(),
    });
    expect(faults).toEqual([]);
    // Without it nothing would have been interrupted.
    expect(Object.keys(result.retries).length).toBeGreaterThan(0);
  });

  test('kill -9 of PostgreSQL', { timeout: 240_000 }, async () => {
    world = await CrashWorld.start();
    const { faults, load, result } = await runCrashRound(world, {
      metric: 'load_without_store',
      share: 0.4,
      steps: STEPS,
      fault: (here) => here.killPostgres(),
    });
    expect(faults).toEqual([]);
    // Senders do not notice: the log takes what the store cannot.
    expect(result.retries).toEqual({});
    await expectNoticed(world, load, result);
  });

  test.skipIf(!SmallDisk.isPossible)('kill -9 on a full disk', { timeout: 240_000 }, async () => {
    const disk = await SmallDisk.make(DISK_MIB);
    try {
      world = await CrashWorld.start(disk.path);
      const { faults, result } = await runCrashRound(world, {
        metric: 'load_on_full_disk',
        share: 0.05,
        // Long enough not to be over before the disk is full.
        steps: 3 * STEPS,
        fault: (here, run) => here.killOnFullDisk(() => (run.retries['503'] ?? 0) > 0),
      });
      expect(faults).toEqual([]);
      expect(result.retries['503']).toBeGreaterThan(0);
    } finally {
      await world?.remove();
      world = undefined;
      await disk.remove();
    }
  });
});

/** The check itself: a row that is missing, and the same with another one twice instead. */
async function expectNoticed(
  here: CrashWorld,
  load: LoadSettings,
  result: LoadResult,
): Promise<void> {
  const store = await StoreClient.connect(here.millrace.info);
  try {
    const { id } = await store.row<{ id: string }>(
      `SELECT series_id AS id FROM series WHERE metric = $1 LIMIT 1`,
      [load.metric],
    );
    await unpackSamples(store, load.metric);
    await store.row(
      `DELETE FROM samples_narrow WHERE series_id = $1 AND time = to_timestamp($2::float8 / 1000)
       RETURNING time`,
      [id, load.firstTimeMs + load.stepMs],
    );
    expect((await accountFor(here, load, result)).faults).not.toEqual([]);
    await store.rows(
      `INSERT INTO samples_narrow SELECT * FROM samples_narrow WHERE series_id = $1 ORDER BY time LIMIT 1`,
      [id],
    );
    expect((await accountFor(here, load, result)).faults).not.toEqual([]);
  } finally {
    await store.close();
  }
}
