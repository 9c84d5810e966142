import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies, type LatencySummary } from '../load/latencies.ts';
import { startLoad } from '../load/load-process.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { watchFigures, type Cost } from './cost.ts';
import type { MillraceSystem } from './millrace-system.ts';
import type { SystemMaker } from './system-under-test.ts';
import { startProbe } from './visibility-probe.ts';

export interface PacedParams {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Samples a second. */
  readonly rate: number;
}

export interface PacedFigures {
  rate: number;
  samples: number;
  ackMs: LatencySummary;
  /** From the sending of one sample to the moment a query shows it. */
  visibleMs: LatencySummary;
  cost: Cost;
  retries: Readonly<Record<string, number>>;
  faults: readonly string[];
}

const VISIBLE_MS_MAX = 60_000;

/** At a rate well below the highest: how long until an acknowledgement, and until it is in SQL. */
export async function runPaced(
  maker: SystemMaker<MillraceSystem>,
  params: PacedParams,
): Promise<PacedFigures> {
  const system = await maker.start();
  try {
    const { stepMs, series } = DEFAULT_LOAD;
    const seconds = params.warmUpSeconds + params.seconds;
    const load: LoadSettings = {
      ...DEFAULT_LOAD,
      url: system.url,
      connections: params.connections,
      rate: params.rate,
      seconds,
      warmUpSeconds: params.warmUpSeconds,
      // The last step has the time of its sending.
      firstTimeMs: Math.round(
        Date.now() + seconds * 1000 - (params.rate * seconds * stepMs) / series,
      ),
    };
    const process = await startLoad(load);
    process.go();
    await sleep(params.warmUpSeconds * 1000);
    const probe = await startProbe({ url: system.url, store: system.store });
    const watch = watchFigures(system);
    const result = await process.result;
    const visible = new Latencies();
    for (const ms of await probe.end(VISIBLE_MS_MAX)) visible.add(ms);
    await system.untilVisible(load, result);
    const cost = watch.end((result.samples * params.seconds) / seconds);
    const faults = await system.faults(load, result);
    await system.stop();
    const { samples, ackMs, retries } = result;
    return {
      rate: params.rate,
      samples,
      ackMs,
      visibleMs: visible.summary(),
      cost,
      retries,
      faults,
    };
  } catch (error) {
    await system.stop().catch(() => undefined);
    throw error;
  }
}
