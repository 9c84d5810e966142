import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import type { LatencySummary } from '../load/latencies.ts';
import { watchFigures, watchStages, type Cost, type StageCost } from './cost.ts';
import { sendOnce, type FirstSight } from './first-sight.ts';
import type { Payload } from './payloads.ts';
import type { Progress } from './progress.ts';
import type { SystemMaker, SystemUnderTest, WindowRows } from './system-under-test.ts';
import { prepareLoad, runLoad, visibleStep, watchLoad } from './watched-load.ts';

export interface FullRateParams {
  readonly payloadName: string;
  readonly payload: Payload;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Instead of as many as the payload has: of each request, and of each batch. */
  readonly requestSamples: number | undefined;
  readonly batchSamples: number | undefined;
  readonly progress: Progress;
  /** See `StartOptions`. */
  readonly profileDirectory?: string | undefined;
}

export interface FullRateFigures {
  system: string;
  payload: string;
  connections: number;
  /** Left out by releases that always sent 1,000. */
  requestSamples?: number;
  samples: number;
  /** Acknowledged a second, while sending. */
  sentRate: number;
  /** A second, from the first byte sent to the last sample seen in a query. */
  storedRate: number;
  /** From the last acknowledgement to the last sample seen. */
  visibleAfterMs: number;
  ackMs: LatencySummary;
  cost: Cost;
  /** Where each series was sent once before: what that took. */
  firstSight?: FirstSight | undefined;
  /** What the one process' cost consists of. */
  stageCost: StageCost;
  /** What sending cost, on the same processors: CPU seconds per million samples. */
  senderCost: number;
  bytesPerSample: Readonly<Record<string, number>>;
  /** Rows of windows that were written meanwhile: a run that another window ends in has more. */
  windowRows?: WindowRows | undefined;
  retries: Readonly<Record<string, number>>;
  faults: readonly string[];
}

/**
 * So many times the rate of the warm-up are reckoned with: the times of the samples then end a
 * little before now and never after it, where queries of some systems do not look. A run that is
 * faster still ends early.
 */
const RATE_MARGIN = 1.4;
export const STEPS_A_SECOND_MAX = 1000;
/** As wide as the windows of the rules that there are without any. */
const WINDOW_MS = 300_000;
/** The rate is taken after the warm-up proper. */
const RATE_SECONDS = 2;

/**
 * As fast as it is acknowledged, on a fresh system. The warm-up has series of its own and tells
 * how many steps to expect, so that the times of the samples end about now.
 */
export async function runFullRate(
  maker: SystemMaker,
  params: FullRateParams,
): Promise<FullRateFigures> {
  const { profileDirectory, progress, payloadName, connections } = params;
  progress.of(`${maker.name}, ${payloadName}, ${connections} connections`);
  progress.begin('starting');
  const system = await maker.start({ profileDirectory });
  try {
    await warmUp(system, params, 'warm_up_requests_total', params.warmUpSeconds);
    const rate = await warmUp(system, params, 'rate_requests_total', RATE_SECONDS);
    const figures = await measure(system, params, rate * RATE_MARGIN);
    progress.begin('stopping');
    await system.stop();
    return figures;
  } catch (error) {
    await system.stop().catch(() => undefined);
    throw error;
  }
}

/** Samples a second. */
async function warmUp(
  system: SystemUnderTest,
  params: FullRateParams,
  metric: string,
  seconds: number,
): Promise<number> {
  const { connections, progress, payload } = params;
  const load: LoadSettings = {
    ...DEFAULT_LOAD,
    stepMs: payload.stepMs,
    seriesPerRequest: samplesOfRequest(system, params),
    url: system.url,
    path: system.path,
    protocol: system.protocol ?? 'remote-write',
    metric,
    connections,
    seconds,
    // Room for more steps than any system makes in that time.
    firstTimeMs: Date.now() - seconds * STEPS_A_SECOND_MAX * payload.stepMs,
  };
  const result = await runLoad(progress, 'warming up', load);
  progress.begin(`warming up: ${visibleStep(result)}`);
  await system.untilVisible(load, result);
  return result.samples / (result.tookMs / 1000);
}

async function measure(
  system: SystemUnderTest,
  params: FullRateParams,
  rate: number,
): Promise<FullRateFigures> {
  const { seconds, connections, progress, payload, payloadName } = params;
  const seriesPerRequest = samplesOfRequest(system, params);
  const { stepMs, series } = payload;
  const isKnown = payload.isKnownBefore === true;
  const spanMs = (rate * seconds * stepMs) / series + (isKnown ? stepMs : 0);
  const beginMs = Date.now() + seconds * 1000 - spanMs;
  // So that it is no chance when windows end: one of all series for so much time as was sent.
  const firstTimeMs = beginMs - (beginMs % WINDOW_MS);
  const base: LoadSettings = {
    ...{ ...DEFAULT_LOAD, ...payload, seriesPerRequest, connections, firstTimeMs },
    ...{ url: system.url, path: system.path, protocol: system.protocol ?? 'remote-write' },
  };
  const begunMs = Date.now();
  const firstSight = isKnown ? await sendOnce(system, base, progress) : undefined;
  // Times go on about now: of windows that are over, pieces come apart.
  const stepsLeftOut = isKnown ? Math.floor((Date.now() - begunMs) / stepMs) : 0;
  const load: LoadSettings = {
    ...base,
    seconds,
    firstStep: isKnown ? 1 + stepsLeftOut : 0,
    stepsLeftOut,
    stepsMax: Math.floor((Date.now() + seconds * 1000 - firstTimeMs) / stepMs),
  };
  const process = await prepareLoad(progress, 'sending', load);
  const bytesBefore = await system.bytesKept();
  const rowsBefore = await system.windowRows?.();
  const stages = await watchStages(system);
  const watch = watchFigures(system);
  const startMs = performance.now();
  process.go();
  const result = await watchLoad(progress, 'sending', { load, process });
  const sentMs = performance.now();
  progress.begin(visibleStep(result));
  await system.untilVisible(load, result);
  const seenMs = performance.now();
  const cost = watch.end(result.samples);
  const stageCost = await stages.end(result.samples);
  progress.begin('checking whether each sample is stored once');
  const bytesAfter = await system.bytesKept();
  const rowsAfter = await system.windowRows?.();
  return {
    system: system.name,
    payload: payloadName,
    connections,
    requestSamples: seriesPerRequest,
    samples: result.samples,
    sentRate: result.samples / (result.tookMs / 1000),
    storedRate: result.samples / ((seenMs - startMs) / 1000),
    visibleAfterMs: seenMs - sentMs,
    ackMs: result.ackMs,
    cost,
    firstSight,
    stageCost,
    senderCost: (result.cpuSeconds / result.samples) * 1_000_000,
    bytesPerSample: Object.fromEntries(
      Object.entries(bytesAfter).map(([where, bytes]) => [
        where,
        (bytes - (bytesBefore[where] ?? 0)) / result.samples,
      ]),
    ),
    windowRows: rowsBefore &&
      rowsAfter && {
        final: rowsAfter.final - rowsBefore.final,
        open: rowsAfter.open - rowsBefore.open,
      },
    retries: result.retries,
    faults: await system.faults(load, result),
  };
}

function samplesOfRequest(
  { protocol }: SystemUnderTest,
  { payload, requestSamples = payload.seriesPerRequest, batchSamples }: FullRateParams,
): number {
  return protocol === 'batch' ? (batchSamples ?? requestSamples) : requestSamples;
}
