import { reportMissing } from '@millrace/runtime/testing';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { readLedger } from '../services/ledger-check.ts';
import { startOwnServices, type OwnServices } from '../services/own-services.ts';
import { accountForPaced } from './accounted-for.ts';
import {
  brokersKilled,
  CONTROLLER_KILLED,
  databaseCutAt,
  RECEIVER_KILLED_BEFORE_ANSWER,
  REDIS_FLUSHED,
  REPLICA_PROMOTED,
  stageSuspended,
  type ClusterFault,
} from './cluster-faults.ts';
import { PacedLoad } from './paced-load.ts';
import type { PacedSamples } from './paced-samples.ts';
import { SOAK_BROKERS, SoakCluster } from './soak-cluster.ts';

// Three brokers of its own, with a Redis and a database: all of them are hurt.
const started = await startOwnServices({ nodes: SOAK_BROKERS });
const missing = 'urls' in started ? [] : started;
for (const one of missing) reportMissing(one);

const HOUR_MS = 3_600_000;
const SETTLE_MS_MAX = 120_000;
/** A transformer commits every few seconds. */
const TRACE_MS_MAX = 30_000;
const AWAY_MS = 1500;

/** What tells that it has happened; where nothing is needed, the act itself makes sure of it. */
type Trace = 'reloaded' | 'takenOver' | 'repeated';

/** Those of one round happen at the same time. */
const ROUNDS: readonly (readonly [faults: readonly ClusterFault[], trace?: Trace])[] = [
  [[brokersKilled([0]), REDIS_FLUSHED, databaseCutAt('in COPY')], 'reloaded'],
  [[CONTROLLER_KILLED]],
  [[REPLICA_PROMOTED, databaseCutAt('before COMMIT')], 'reloaded'],
  [
    [stageSuspended('transformer', 0, true), databaseCutAt('before the answer to COMMIT')],
    'takenOver',
  ],
  [[RECEIVER_KILLED_BEFORE_ANSWER], 'repeated'],
];

describe.skipIf(missing.length > 0)('faults on real services', { timeout: 300_000 }, () => {
  const services = started as OwnServices;
  let cluster: SoakCluster;
  const sent: PacedSamples[] = [];
  beforeAll(async () => {
    cluster = await SoakCluster.start(services);
  }, 120_000);
  afterAll(async () => {
    await cluster?.end();
    await services.stop();
  });

  test.each(ROUNDS.map(([faults, trace]) => ({ name: nameOf(faults), faults, trace })))(
    '$name',
    async ({ faults: acting, trace }) => {
      onTestFailed(() => void process.stderr.write(cluster.world.outputs().slice(-20_000)));
      const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
      const name = `fault_${sent.length}`;
      const load = new PacedLoad({
        url: cluster.url,
        name,
        firstTimeMs,
        retryMsMax: SETTLE_MS_MAX,
      });
      try {
        await cluster.untilHealthy();
        const before = await traces();
        load.resume();
        await until('samples are stored, and states committed', SETTLE_MS_MAX, async () => {
          // What was never committed cannot be lost, and nobody would notice.
          const { length: committed } = await cluster.world.committedPositions();
          const { stored } = await readLedger(cluster.world.store);
          return stored > before.stored && committed === cluster.partitions;
        });
        await Promise.all(acting.map(({ act }) => act(cluster, AWAY_MS)));
        await cluster.untilHealthy();
        sent.push(await load.stop());
        const { faults, counts } = await accountForPaced(cluster.world, sent, SETTLE_MS_MAX);
        expect(faults).toEqual([]);
        expect(counts).toMatchObject({ missing: 0, twice: 0 });
        expectAnswers(load, acting);
        if (trace === undefined) return;
        // A transformer notices at its next commit.
        await until(`it was seen: ${trace}`, TRACE_MS_MAX, async () => {
          return (await traces())[trace] > before[trace];
        });
      } finally {
        await load.abandon();
      }
    },
  );

  async function traces(): Promise<Record<Trace | 'stored', number>> {
    const { duplicate, stored } = await readLedger(cluster.world.store);
    return {
      // Of the log line there may be one for many times.
      reloaded: await cluster.counted('transformer', 'transformer_outruns_total'),
      takenOver: cluster.said('transformer', 'Partition taken over.'),
      repeated: duplicate,
      stored,
    };
  }

  function expectAnswers({ refusals }: PacedLoad, acting: readonly ClusterFault[]): void {
    const { again, noAnswer, withoutRetryAfter } = refusals;
    expect(withoutRetryAfter).toBe(0);
    if (acting.some(({ stopsReceiver }) => stopsReceiver)) return;
    expect(noAnswer).toBe(0);
    if (!acting.some(({ stopsLog }) => stopsLog)) expect(again).toBe(0);
  }
});

function nameOf(faults: readonly ClusterFault[]): string {
  return faults.map(({ kind: { fault, how } }) => `${fault}: ${how}`).join('; ');
}
