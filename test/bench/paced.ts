import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies, type LatencySummary } from '../load/latencies.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { watchFigures, watchStages, type Cost, type StageCost } from './cost.ts';
import { sendOnce, type FirstSight } from './first-sight.ts';
import type { MillraceSystem } from './millrace-system.ts';
import type { Payload } from './payloads.ts';
import type { Progress } from './progress.ts';
import type { SystemMaker } from './system-under-test.ts';
import { startProbe } from './visibility-probe.ts';
import { prepareLoad, visibleStep, watchLoad } from './watched-load.ts';

export interface PacedParams {
  readonly payloadName: string;
  readonly payload: Payload;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Samples a second. */
  readonly rate: number;
  readonly progress: Progress;
}

export interface PacedFigures {
  /** Left out by releases that sent 10,000 series and nothing else. */
  payload?: string;
  rate: number;
  series?: number;
  /** Between two samples of a series, in their times and in which they are sent. */
  stepMs?: number;
  samples: number;
  ackMs: LatencySummary;
  /** From the sending of one sample to the moment a query shows it. */
  visibleMs: LatencySummary;
  cost: Cost;
  stageCost?: StageCost;
  firstSight?: FirstSight | undefined;
  retries: Readonly<Record<string, number>>;
  faults: readonly string[];
}

const VISIBLE_MS_MAX = 60_000;
/** A process is started and requests are built before. A guess: what is left of it is waited for. */
const START_MS = 2000;
const BUILD_MS_PER_SERIES = 0.02;

/**
 * As it comes live, at a rate well below the highest: each sample has the time of its sending, so
 * many series are so far apart as the rate makes it. Tells how long it takes until an
 * acknowledgement, and until a sample is in SQL.
 */
export async function runPaced(
  maker: SystemMaker<MillraceSystem>,
  params: PacedParams,
): Promise<PacedFigures> {
  const { progress, payloadName, rate } = params;
  progress.of(`${maker.name}, ${payloadName} paced at ${rate}/s`);
  progress.begin('starting');
  const system = await maker.start();
  try {
    const figures = await measure(system, params);
    progress.begin('stopping');
    await system.stop();
    return figures;
  } catch (error) {
    await system.stop().catch(() => undefined);
    throw error;
  }
}

async function measure(system: MillraceSystem, params: PacedParams): Promise<PacedFigures> {
  const { payload, payloadName, rate, warmUpSeconds, progress } = params;
  const { series } = payload;
  const seconds = warmUpSeconds + params.seconds;
  const stepMs = Math.max(1, Math.round((series / rate) * 1000));
  const base: LoadSettings = {
    ...{ ...DEFAULT_LOAD, ...payload, stepMs, url: system.url, connections: params.connections },
    firstTimeMs: Date.now(),
  };
  const isKnown = payload.isKnownBefore === true;
  const firstSight = isKnown ? await sendOnce(system, base, progress) : undefined;
  const load = await prepared(base, { rate, seconds, warmUpSeconds, isKnown, progress });
  load.process.go();
  const sending = watchLoad(progress, 'sending', load);
  // Told where it is awaited.
  sending.catch(() => undefined);
  await Promise.race([sleep(warmUpSeconds * 1000), sending]);
  const probe = await startProbe({ url: system.url, store: system.store });
  const watch = watchFigures(system);
  const stages = await watchStages(system);
  const result = await sending;
  progress.begin('waiting until single samples are visible');
  const visible = new Latencies();
  for (const ms of await probe.end(VISIBLE_MS_MAX)) visible.add(ms);
  progress.begin(visibleStep(result));
  await system.untilVisible(load.load, result);
  const measured = (result.samples * params.seconds) / seconds;
  const cost = watch.end(measured);
  const stageCost = await stages.end(measured);
  progress.begin('checking whether each sample is stored once');
  const faults = await system.faults(load.load, result);
  const { samples, ackMs, retries } = result;
  return {
    ...{ payload: payloadName, rate, series, stepMs, samples, ackMs },
    ...{ visibleMs: visible.summary(), cost, stageCost, firstSight, retries, faults },
  };
}

/** Steps go on with the time at which the first request is sent; those that passed are left out. */
async function prepared(
  base: LoadSettings,
  params: Readonly<{
    rate: number;
    seconds: number;
    warmUpSeconds: number;
    isKnown: boolean;
    progress: Progress;
  }>,
) {
  const { rate, seconds, warmUpSeconds, isKnown, progress } = params;
  const { series, stepMs } = base;
  const startMs = Date.now() + START_MS + series * BUILD_MS_PER_SERIES;
  const stepsLeftOut = isKnown ? Math.floor((startMs - base.firstTimeMs) / stepMs) : 0;
  const load: LoadSettings = {
    ...{ ...base, rate, seconds, warmUpSeconds, stepsLeftOut },
    firstStep: isKnown ? 1 + stepsLeftOut : 0,
    firstTimeMs: isKnown ? base.firstTimeMs : startMs,
  };
  const process = await prepareLoad(progress, 'sending', load);
  const firstMs = load.firstTimeMs + load.firstStep * stepMs;
  progress.begin('waiting for the time of the first sample');
  await sleep(Math.max(0, firstMs - Date.now()));
  return { load, process };
}
