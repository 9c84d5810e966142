import { afterEach, describe, expect, test } from 'vitest';
import { runCrashRound } from './crash-round.ts';
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
    const { faults, result } = await runCrashRound(world, {
      metric: 'load_without_store',
      share: 0.4,
      steps: STEPS,
      fault: (here) => here.killPostgres(),
    });
    expect(faults).toEqual([]);
    // Senders do not notice: the log takes what the store cannot.
    expect(result.retries).toEqual({});
  });

  test.skipIf(!SmallDisk.isPossible)('a full disk', { timeout: 240_000 }, async () => {
    const disk = await SmallDisk.make(DISK_MIB);
    try {
      world = await CrashWorld.start(disk.path);
      const { faults, result } = await runCrashRound(world, {
        metric: 'load_on_full_disk',
        share: 0.05,
        // Long enough not to be over before the disk is full.
        steps: 3 * STEPS,
        fault: (here, run) => here.fillDisk(() => (run.retries['503'] ?? 0) > 0, 500),
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
