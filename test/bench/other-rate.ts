import { Latencies } from '../load/latencies.ts';
import { DEFAULT_LOAD } from '../load/load-run.ts';
import { Sender } from '../load/sender.ts';
import { settledLedger } from '../services/ledger-check.ts';
import { watchFigures, watchStages } from './cost.ts';
import type { FullRateFigures, FullRateParams } from './full-rate.ts';
import type { MillraceSystem } from './millrace-system.ts';
import type { OtherPayload } from './other-payloads.ts';
import type { StartOptions } from './system-under-test.ts';
import { count, visibleStep } from './watched-load.ts';

type Params = Pick<FullRateParams, 'payloadName' | 'seconds' | 'connections' | 'progress'> &
  StartOptions;

const VISIBLE_MS_MAX = 300_000;
const LEDGER_MS_MAX = 60_000;
/** So much earlier lie the first times: none may lie ahead, however quickly it goes. */
const BEFORE_MS = 3_600_000;

/** Requests that are encoded one by one, as fast as they are acknowledged, on a fresh system. */
export async function runOtherRate(
  start: (options: StartOptions) => Promise<MillraceSystem>,
  payload: OtherPayload,
  params: Params,
): Promise<FullRateFigures> {
  const { profileDirectory, progress, payloadName, connections } = params;
  progress.of(`millrace, ${payloadName}, ${connections} connections`);
  progress.begin('starting');
  const system = await start({ profileDirectory, rules: payload.rules });
  try {
    const figures = await measure(system, payload, params);
    progress.begin('stopping');
    await system.stop();
    return figures;
  } catch (error) {
    await system.stop().catch(() => undefined);
    throw error;
  }
}

async function measure(
  system: MillraceSystem,
  payload: OtherPayload,
  { payloadName, seconds, connections, progress }: Params,
): Promise<FullRateFigures> {
  const firstTimeMs = Date.now() - BEFORE_MS;
  const bytesBefore = await system.bytesKept();
  const stages = await watchStages(system);
  const watch = watchFigures(system);
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  let acknowledged = 0;
  progress.begin(`sending for ${seconds} s`, () => `${count(acknowledged)} acknowledged`);
  const { requests, ackMs, retries } = await send(system.url, payload, {
    ...{ seconds, connections, firstTimeMs },
    acknowledged: () => void (acknowledged += payload.samplesPerRequest),
  });
  const sentMs = performance.now();
  const { user, system: kernel } = process.cpuUsage(startCpu);
  const samples = requests * payload.samplesPerRequest;
  progress.begin(visibleStep({ samples }));
  await payload.untilVisible(system.store, { requests, firstTimeMs }, VISIBLE_MS_MAX);
  const seenMs = performance.now();
  const cost = watch.end(samples);
  const stageCost = await stages.end(samples);
  progress.begin('checking whether each sample is stored once');
  const { wanted, found } = await payload.stored(system.store, requests);
  const faults = found === wanted ? [] : [`${found} of ${wanted} are there`];
  // What is aggregated away is stored in windows and has no rows.
  const withoutRows = payload.rules === undefined ? 0 : samples;
  const { fault } = await settledLedger(system.store, samples, LEDGER_MS_MAX, withoutRows);
  if (fault !== undefined) faults.push(`the ledger: ${fault}`);
  const bytesAfter = await system.bytesKept();
  return {
    ...{ system: system.name, payload: payloadName, connections, samples },
    sentRate: samples / ((sentMs - startMs) / 1000),
    storedRate: samples / ((seenMs - startMs) / 1000),
    visibleAfterMs: seenMs - sentMs,
    ...{ ackMs, cost, stageCost, retries, faults },
    senderCost: (user + kernel) / samples,
    bytesPerSample: Object.fromEntries(
      Object.entries(bytesAfter).map(([where, bytes]) => [
        where,
        (bytes - (bytesBefore[where] ?? 0)) / samples,
      ]),
    ),
  };
}

interface Sending extends Pick<Params, 'seconds' | 'connections'> {
  readonly firstTimeMs: number;
  /** Told of each request. */
  readonly acknowledged: () => void;
}

async function send(
  url: string,
  payload: OtherPayload,
  { seconds, connections, firstTimeMs, acknowledged }: Sending,
): Promise<Pick<FullRateFigures, 'ackMs' | 'retries'> & { requests: number }> {
  const { answerMsMax, retryMsMax } = DEFAULT_LOAD;
  const endMs = performance.now() + seconds * 1000;
  const latencies = new Latencies();
  let requests = 0;
  const senders = Array.from(
    { length: connections },
    () => new Sender({ url, answerMsMax, retryMsMax }),
  );
  try {
    await Promise.all(
      senders.map(async (sender) => {
        while (performance.now() < endMs) {
          const request = payload.request(requests, firstTimeMs);
          requests += 1;
          const begunMs = performance.now();
          await sender.post(request);
          latencies.add(performance.now() - begunMs);
          acknowledged();
        }
      }),
    );
  } finally {
    for (const sender of senders) sender.close();
  }
  const retries: Record<string, number> = {};
  for (const sender of senders) {
    for (const [why, times] of sender.retries) retries[why] = (retries[why] ?? 0) + times;
  }
  return { requests, ackMs: latencies.summary(), retries };
}
