import { reportMissing } from '@millrace/runtime/testing';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { startOwnServices, type OwnServices } from '../services/own-services.ts';
import { unpackSamples } from '../services/unpack-samples.ts';
import { OutageRun } from './outage-run.ts';
import { OUTAGES } from './outages.ts';
import { pacedFaults } from './paced-faults.ts';
import type { PacedSamples } from './paced-samples.ts';

const started = await startOwnServices();
const missing = 'urls' in started ? [] : started;
for (const one of missing) reportMissing(one);

const SOON_MS_MAX = 60_000;
/** `npm run soak -- --outages` does the same for an hour each. */
const SETTINGS = { outageMs: 8000, soonMsMax: SOON_MS_MAX, slowness: 1 };
const TEST_MS_MAX = 600_000;

describe.skipIf(missing.length > 0)('what is away comes back', () => {
  const services = started as OwnServices;
  let run: OutageRun;
  beforeAll(async () => {
    run = await OutageRun.make({ services, settings: SETTINGS });
  }, SOON_MS_MAX);
  afterAll(async () => {
    await run?.end();
    await services.stop();
  });

  test(
    'and nothing that was acknowledged is missing or there twice',
    { timeout: TEST_MS_MAX },
    async () => {
      onTestFailed(() => void process.stderr.write(run.world.outputs().slice(-20_000)));
      const atStart = OUTAGES.filter(({ isAtStart }) => isAtStart);
      // One of them starts what the others then happen to.
      expect(atStart).toHaveLength(1);
      await atStart[0]!.act(run);
      // What the database alone does is seen when it is away with Redis, a Redis that comes back
      // empty has tests of its own, and the soak has all of them.
      const others = OUTAGES.filter(
        ({ name }) => name === 'kafka' || name === 'redis-and-database',
      );
      expect(others).toHaveLength(2);
      for (const { act } of others) await act(run);
      const { sent, faults } = await run.finish();
      expect(faults).toEqual([]);
      await expectNoticed(sent);
    },
  );

  /** The check itself: one sample that is missing, and another one twice instead. */
  async function expectNoticed(sent: PacedSamples): Promise<void> {
    const { store } = run.world;
    const check = (): Promise<string[]> => pacedFaults(store, [sent], 0);
    await unpackSamples(store, 'paced_orders');
    await store.rows(
      `DELETE FROM samples_narrow WHERE value = 7
       AND series_id IN (SELECT series_id FROM series WHERE metric = 'paced_orders')`,
    );
    expect((await check()).join('\n')).toContain('event 7 of paced_orders is stored 0 times');
    await store.rows(
      `INSERT INTO samples_narrow SELECT * FROM samples_narrow WHERE value = 8
       AND series_id IN (SELECT series_id FROM series WHERE metric = 'paced_orders')`,
    );
    expect((await check()).join('\n')).toContain('event 8 of paced_orders is stored 2 times');
    await store.rows(`INSERT INTO windows SELECT * FROM windows LIMIT 1`);
    expect((await check()).join('\n')).toContain('instead of');
  }
});
