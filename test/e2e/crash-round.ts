import { until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { settledLedger } from '../services/ledger-check.ts';
import { StoreClient } from '../services/store-client.ts';
import { checkStoredLoad, untilLoadVisible } from '../services/stored-load.ts';
import type { CrashWorld } from './crash-world.ts';
import { windowFaults } from './window-totals.ts';

export interface RoundParams {
  /** Its own in each round of a world. */
  readonly metric: string;
  /** The share of the load that is acknowledged before something happens. */
  readonly share: number;
  readonly fault: (world: CrashWorld, run: LoadRun) => Promise<void>;
  readonly steps: number;
}

export interface RoundOutcome {
  readonly load: LoadSettings;
  readonly result: LoadResult;
  /** Whatever is not as it must be: empty when each acknowledged sample is stored once. */
  readonly faults: readonly string[];
}

const BEGIN_MS_MAX = 60_000;
const VISIBLE_MS_MAX = 180_000;
const LEDGER_MS_MAX = 60_000;
const AGE_MS = 3 * 3_600_000;

/**
 * A load, a fault in the middle of it, and the rest of the load; senders send again whatever was
 * not acknowledged. Then everything must be there, once, and the ledger must say so.
 */
export async function runCrashRound(world: CrashWorld, params: RoundParams): Promise<RoundOutcome> {
  const { metric, share, fault, steps } = params;
  const load: LoadSettings = {
    ...DEFAULT_LOAD,
    url: world.millrace.info.url,
    metric,
    series: 2000,
    seriesPerRequest: 500,
    connections: 4,
    stepsMax: steps,
    // So long ago that every window is over and becomes final at once.
    firstTimeMs: Date.now() - AGE_MS,
    answerMsMax: 30_000,
    retryMsMax: 300_000,
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
  const result = await running;
  return { load, result, faults: await storedFaults(world, load, result) };
}

/** What is not as it must be: every acknowledged sample stored once, and the ledger saying so. */
export async function storedFaults(
  world: CrashWorld,
  load: LoadSettings,
  result: LoadResult,
): Promise<string[]> {
  const store = await connect(world);
  try {
    await untilLoadVisible(store, load, result, VISIBLE_MS_MAX);
    const { wrong, rows } = await checkStoredLoad(store, load, result);
    if (wrong.length > 0 || rows !== result.samples) {
      return [`${result.samples} acknowledged, ${rows} rows`, ...wrong];
    }
    const { ledger, fault } = await settledLedger(store, result.samples, LEDGER_MS_MAX);
    const faults: string[] = [];
    if (fault !== undefined) faults.push(`ledger: ${fault}`);
    for (const name of ['conflict', 'dropped', 'unverified', 'deadLetter'] as const) {
      if (ledger[name] !== 0) faults.push(`ledger: ${name} ${ledger[name]}`);
    }
    return [...faults, ...(await windowFaults(store, load, result))];
  } finally {
    await store.close();
  }
}

/** PostgreSQL may still be recovering. */
async function connect(world: CrashWorld): Promise<StoreClient> {
  let store: StoreClient | undefined;
  let failure: unknown;
  await until('PostgreSQL takes connections', VISIBLE_MS_MAX, async () => {
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
