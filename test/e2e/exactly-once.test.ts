import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from '../integration/running-millrace.ts';
import { readLedger } from '../services/ledger-check.ts';
import { StoreClient } from '../services/store-client.ts';
import { auditFaults } from './accounted-for.ts';
import { expectOnce, planRepeated } from './expect-once.ts';
import { sendPlanned } from './send-planned.ts';

const SEED = 7;
/** Of each of a thousand series. */
const STEPS = 100;
const SETTLE_MS_MAX = 120_000;
/** Our own metrics come once, at the start: the tables and totals below are all of the test's. */
const QUIET = { env: { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' } };

let playground: Playground;
let millrace: RunningMillrace;
let store: StoreClient;
beforeEach(async () => {
  playground = await Playground.make();
  millrace = await playground.up(QUIET);
  store = await StoreClient.connect(millrace.info);
});
afterEach(async () => {
  await store?.close();
  await playground.remove();
});

describe('every sample counts once', () => {
  test('very many samples sent three times over', { timeout: 300_000 }, async () => {
    const repeated = planRepeated(SEED, STEPS);
    const { planned, firstTimeMs } = repeated;
    const { url } = millrace.info;
    const sent = await sendPlanned(planned, { url, connections: 6, firstTimeMs });
    await expectOnce(store, repeated, sent);
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await playground.run(args);
      return code === 0 ? stdout : Promise.reject(new Error(stderr));
    };
    expect(await auditFaults({ run })).toEqual([]);
  });

  test('equal events of one request, and equal requests of nobody, are not the same', async () => {
    const event = { name: 'clicks', kind: 'event', value: 1, time: Date.now(), labels: { a: 'b' } };
    const { url } = millrace.info;
    expect(await push(url, [event, event])).toMatchObject({ accepted: 2, identity: 'none' });
    expect(await push(url, [event, event])).toMatchObject({ accepted: 2, identity: 'none' });
    const untimed = { name: 'visits', kind: 'event', value: 1 };
    await push(url, untimed);
    await push(url, untimed);
    // Under a key, the whole request is the same, and each of its events still counts.
    await push(url, [event, event], { key: 'once' });
    await push(url, [event, event], { key: 'once', wait: 'stored' });
    const counts = await store.rows(
      `SELECT metric, count(*)::integer AS rows, sum(value) AS sum FROM series_samples
       WHERE metric IN ('clicks', 'visits') GROUP BY metric ORDER BY metric`,
    );
    expect(counts).toEqual([
      { metric: 'clicks', rows: 6, sum: 6 },
      { metric: 'visits', rows: 2, sum: 2 },
    ]);
    await until('the ledger has counted', SETTLE_MS_MAX, async () => {
      return (await readLedger(store)).duplicate === 2;
    });
  });
});
