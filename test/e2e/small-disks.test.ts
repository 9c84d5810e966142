import { afterEach, describe, expect, test } from 'vitest';
import { runCrashRound } from './crash-round.ts';
import { CrashWorld, DATA_PARTS, SmallDisk } from './crash-world.ts';

/** Long enough not to be over before the disks are full. */
const STEPS = 360;

let world: CrashWorld | undefined;
afterEach(async () => {
  await world?.remove();
  world = undefined;
});

describe('under load, everything acknowledged is stored once after', () => {
  test.skipIf(!SmallDisk.isPossible)(
    'no room for the log, the state and the store, one after the other',
    { timeout: 240_000 },
    async () => {
      world = await CrashWorld.startOnSmallDisks();
      const { faults } = await runCrashRound(world, {
        metric: 'load_on_small_disks',
        share: 0.05,
        steps: STEPS,
        fault: async (here) => {
          for (const part of DATA_PARTS) await here.fillPart(part, async () => undefined);
        },
      });
      expect(faults).toEqual([]);
    },
  );
});
