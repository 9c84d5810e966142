import { until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { accountForLoad } from './accounted-for.ts';
import type { CrashWorld } from './crash-world.ts';
import type { OnceCounts } from './survived-faults.ts';

export interface RoundParams {
  /** Its own in each round of a world. */
  readonly metric: string;
  /** The share of the load that is acknowledged before something happens. */
  readonly share: number;
  readonly fault: (world: CrashWorld, run: LoadRun) => Promise<void>;
  readonly steps: number;
  /** The load lasts until the fault is over, however long that is; `steps` is what `share` is of. */
  readonly isOpenEnded?: boolean;
  /** Samples a second; left out: as many as are taken. */
  readonly rate?: number;
}

export interface RoundOutcome {
  readonly load: LoadSettings;
  readonly result: LoadResult;
  /** Whatever is not as it must be: empty when each acknowledged sample is stored once. */
  readonly faults: readonly string[];
  readonly counts: OnceCounts;
}

const BEGIN_MS_MAX = 60_000;
const CONNECT_MS_MAX = 180_000;
const AGE_MS = 3 * 3_600_000;

/**
 * A load, a fault in the middle of it, and the rest of the load; senders send again whatever was
 * not acknowledged. Then everything must be there, once, and the ledger must say so.
 */
export async function runCrashRound(world: CrashWorld, params: RoundParams): Promise<RoundOutcome> {
  const { metric, share, fault, steps, rate, isOpenEnded = false } = params;
  const load: LoadSettings = {
    ...DEFAULT_LOAD,
    url: world.url,
    metric,
    series: 2000,
    seriesPerRequest: 500,
    connections: 4,
    stepsMax: isOpenEnded ? DEFAULT_LOAD.stepsMax : steps,
    // So long ago that every window is over and becomes final at once.
    firstTimeMs: Date.now() - AGE_MS,
    answerMsMax: 30_000,
    retryMsMax: 300_000,
    rate,
  };
  const run = new LoadRun(load);
  const stop = new AbortController();
  const running = run.run(stop.signal);
  try {
    await until(`a share of ${share} is acknowledged`, BEGIN_MS_MAX, async () => {
      return run.samples >= share * steps * load.series;
    });
    await fault(world, run);
  } catch (error) {
    stop.abort();
    await running.catch(() => undefined);
    throw error;
  }
  if (isOpenEnded) stop.abort();
  const result = await running;
  return { load, result, ...(await accountFor(world, load, result)) };
}

/** What is not as it must be: every acknowledged sample stored once, and the ledger saying so. */
export async function accountFor(
  world: CrashWorld,
  load: LoadSettings,
  result: LoadResult,
): Promise<{ faults: readonly string[]; counts: OnceCounts }> {
  const store = await connect(world);
  const run = async (...args: string[]): Promise<string> => await world.run(...args);
  try {
    return await accountForLoad({ store, run }, load, result);
  } finally {
    await store.close();
  }
}

/** PostgreSQL may still be recovering. */
async function connect(world: CrashWorld): Promise<StoreClient> {
  let store: StoreClient | undefined;
  let failure: unknown;
  await until('PostgreSQL takes connections', CONNECT_MS_MAX, async () => {
    try {
      store = await StoreClient.connect(world.millrace.info);
      return true;
    } catch (error) {
      failure = error;
      return false;
    }
  }).catch((error: unknown) => {
    throw new Error(String(error), { cause: failure });
  });
  return store!;
}
