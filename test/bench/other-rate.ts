import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from '../load/latencies.ts';
import { DEFAULT_LOAD } from '../load/load-run.ts';
import { Sender } from '../load/sender.ts';
import { readLedger } from '../services/ledger-check.ts';
import { watchFigures, watchStages } from './cost.ts';
import type { FullRateFigures, FullRateParams } from './full-rate.ts';
import type { MillraceSystem } from './millrace-system.ts';
import type { OtherPayload } from './other-payloads.ts';
import type { StartOptions } from './system-under-test.ts';

type Params = Pick<FullRateParams, 'payloadName' | 'seconds' | 'connections'> & StartOptions;

const VISIBLE_MS_MAX = 300_000;
const LEDGER_MS_MAX = 60_000;
/** So much earlier lie the first times: none may lie ahead, however quickly it goes. */
const BEFORE_MS = 3_600_000;
/** Reading the ledger counts rows: at this rate that costs little. */
const POLL_MS = 500;

/** Requests that are encoded one by one, as fast as they are acknowledged, on a fresh system. */
export async function runOtherRate(
  start: (options: StartOptions) => Promise<MillraceSystem>,
  payload: OtherPayload,
  params: Params,
): Promise<FullRateFigures> {
  const { profileDirectory } = params;
  const system = await start({ profileDirectory, rules: payload.rules });
  try {
    const figures = await measure(system, payload, params);
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
  { payloadName, seconds, connections }: Params,
): Promise<FullRateFigures> {
  const bytesBefore = await system.bytesKept();
  const stages = await watchStages(system);
  const watch = watchFigures(system);
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  const { requests, ackMs, retries } = await send(system.url, payload, { seconds, connections });
  const sentMs = performance.now();
  const { user, system: kernel } = process.cpuUsage(startCpu);
  const samples = requests * payload.samplesPerRequest;
  const faults = await untilStored(system, payload, requests);
  const seenMs = performance.now();
  const cost = watch.end(samples);
  const stageCost = await stages.end(samples);
  const ledgerFault = await faultOfLedger(system, samples, payload.rules !== undefined);
  if (ledgerFault !== undefined) faults.push(`the ledger: ${ledgerFault}`);
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

async function send(
  url: string,
  payload: OtherPayload,
  { seconds, connections }: Pick<Params, 'seconds' | 'connections'>,
): Promise<Pick<FullRateFigures, 'ackMs' | 'retries'> & { requests: number }> {
  const { answerMsMax, retryMsMax } = DEFAULT_LOAD;
  const firstTimeMs = Date.now() - BEFORE_MS;
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

/** Resolves when all of it can be queried, or with what cannot. */
async function untilStored(
  { store }: MillraceSystem,
  payload: OtherPayload,
  requests: number,
): Promise<string[]> {
  const deadlineMs = performance.now() + VISIBLE_MS_MAX;
  for (;;) {
    const { wanted, found } = await payload.stored(store, requests);
    if (found === wanted) return [];
    if (found > wanted || performance.now() > deadlineMs) {
      return [`${found} of ${wanted} are there`];
    }
    await sleep(POLL_MS);
  }
}

/**
 * Why the ledger does not account for all of them, once it has had the time to. What is aggregated
 * away is stored in windows and has no rows; all else that is stored has one each.
 */
async function faultOfLedger(
  { store }: MillraceSystem,
  samples: number,
  isAggregatedAway: boolean,
): Promise<string | undefined> {
  const withoutRows = isAggregatedAway ? samples : 0;
  const deadlineMs = performance.now() + LEDGER_MS_MAX;
  for (;;) {
    const { accepted, stored, rows, ...ledger } = await readLedger(store);
    const { duplicate, conflict, dropped, unverified, deadLetter } = ledger;
    const others = duplicate + conflict + dropped + unverified + deadLetter;
    if (accepted >= samples && accepted === stored + others && stored - rows === withoutRows) {
      return undefined;
    }
    if (performance.now() > deadlineMs) {
      return `${accepted} accepted, ${stored} stored, ${rows} rows, ${others} others`;
    }
    await sleep(POLL_MS);
  }
}
