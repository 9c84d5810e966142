import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { untilFolded } from './caught-up.ts';
import { Playground, until, type RunningMillrace } from '../integration/running-millrace.ts';
import type { LatencySummary } from '../load/latencies.ts';
import { DEFAULT_LOAD, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { readTotals } from '../services/ledger-check.ts';
import { StoreClient } from '../services/store-client.ts';
import { checkStoredLoad, untilLoadVisible } from '../services/stored-load.ts';
import { onAbandon } from './abandon.ts';
import { benchParent, bytesBelow } from './bench-directory.ts';
import { faultsOf } from './millrace-system.ts';
import type { Progress } from './progress.ts';
import { prepareLoad, runLoad, visibleStep, watchLoad } from './watched-load.ts';

export interface RebuildParams {
  readonly series: number;
  /** Samples of each. */
  readonly steps: number;
  /** Of the paced load beside which checkpoints are made. */
  readonly rate: number;
  readonly pacedSeconds: number;
  /** Does not wait for the store, and does not look whether what it has is exact. */
  readonly quick: boolean;
  readonly progress: Progress;
  readonly say: (text: string) => void;
}

export interface RebuildFigures {
  series: number;
  samples: number;
  stateBytes: number;
  checkpointBytes: number;
  /** Of all partitions, one after the other; and of each. */
  checkpointMs: number;
  partitionMs: number[];
  /** Of a paced load without and with checkpoints under way. */
  ackMs: LatencySummary;
  ackWithCheckpointsMs: LatencySummary;
  cleanStopMs: number;
  /** From the start of the process to data being taken, and to all partitions being caught up. */
  takesDataMs: number;
  rebuiltMs: number;
  /** The same with the state in its place. */
  startedMs: number;
  faults: string[];
}

const VISIBLE_MS_MAX = 1_200_000;
const PACED_SERIES = 10_000;
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

/** Many series, a checkpoint of them, and how long it takes to go on without the state. */
export async function runRebuild(params: RebuildParams): Promise<RebuildFigures> {
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    return await measure(playground, params);
  } finally {
    abandoned.over();
    await playground.remove();
  }
}

async function measure(playground: Playground, params: RebuildParams): Promise<RebuildFigures> {
  const { progress, say } = params;
  progress.begin('starting');
  let millrace = await playground.up({ env: QUIET });
  const { load, result } = await fill(millrace, params);
  progress.begin('waiting until all of it is folded');
  await untilFolded(millrace.info.url);
  say(`${result.samples} samples of ${params.series} series are folded`);
  const faults = params.quick ? [] : await exactFaults(millrace, { load, result }, progress);
  const ackMs = await paced(millrace, 'paced_alone', params, async () => undefined);
  const made: Made[] = [];
  const ackWithCheckpointsMs = await paced(millrace, 'paced_beside', params, async (isOver) => {
    while (!isOver()) made.push(await makeCheckpoints(millrace));
  });
  const best = made.toSorted((a, b) => a.tookMs - b.tookMs)[0]!;
  say(`checkpoints took ${made.map(({ tookMs }) => Math.round(tookMs)).join(', ')} ms`);
  const stateBytes = await bytesBelow(join(playground.dataDir, 'state'));
  await kill(millrace);
  progress.begin('starting with the state, until it is caught up');
  const plain = await startAndCatchUp(playground);
  say(`with its state it was caught up after ${Math.round(plain.caughtUpMs)} ms`);
  progress.begin('stopping');
  const stopping = performance.now();
  await stop(plain.millrace);
  const cleanStopMs = performance.now() - stopping;
  await rm(join(playground.dataDir, 'state'), { recursive: true });
  progress.begin('starting without the state, until it is caught up');
  const again = await startAndCatchUp(playground);
  ({ millrace } = again);
  say(`without it after ${Math.round(again.caughtUpMs)} ms`);
  if (!millrace.output().includes('a checkpoint took its place')) {
    faults.push('the state was not made again from a checkpoint');
  }
  if (!params.quick) faults.push(...(await sentAgain(millrace, { load, result }, progress)));
  await kill(millrace);
  return {
    series: params.series,
    samples: result.samples,
    stateBytes,
    checkpointBytes: best.bytes,
    checkpointMs: best.tookMs,
    partitionMs: best.partitionMs,
    ackMs,
    ackWithCheckpointsMs,
    cleanStopMs,
    takesDataMs: again.takesDataMs,
    rebuiltMs: again.caughtUpMs,
    startedMs: plain.caughtUpMs,
    faults,
  };
}

async function exactFaults(
  { info }: RunningMillrace,
  { load, result }: Readonly<{ load: LoadSettings; result: LoadResult }>,
  progress: Progress,
): Promise<string[]> {
  progress.begin(visibleStep(result));
  const store = await StoreClient.connect(info);
  try {
    await untilLoadVisible(store, load, result, VISIBLE_MS_MAX);
    progress.begin('checking whether each sample is stored once');
    return await faultsOf(store, load, result);
  } finally {
    await store.close();
  }
}

async function fill(
  { info }: RunningMillrace,
  { series, steps, progress }: RebuildParams,
): Promise<{ load: LoadSettings; result: LoadResult }> {
  const load: LoadSettings = {
    ...DEFAULT_LOAD,
    url: info.url,
    series,
    stepsMax: steps,
    firstTimeMs: Date.now() - (steps + 60) * DEFAULT_LOAD.stepMs,
  };
  return { load, result: await runLoad(progress, 'sending', load) };
}

/** A paced load of few series, and what is done beside it until it is over. */
async function paced(
  { info }: RunningMillrace,
  metric: string,
  { rate, pacedSeconds: seconds, progress }: RebuildParams,
  beside: (isOver: () => boolean) => Promise<void>,
): Promise<LatencySummary> {
  const load: LoadSettings = {
    ...{ ...DEFAULT_LOAD, url: info.url, metric, rate, seconds, series: PACED_SERIES },
    warmUpSeconds: 2,
    firstTimeMs: Date.now() - seconds * 1000,
  };
  const process = await prepareLoad(progress, metric, load);
  process.go();
  let isOver = false;
  const sending = watchLoad(progress, metric, { load, process });
  const ended = sending.finally(() => (isOver = true));
  await sleep(2000);
  await beside(() => isOver);
  return (await ended).ackMs;
}

interface Made {
  partitionMs: number[];
  tookMs: number;
  bytes: number;
}

async function makeCheckpoints({ info }: RunningMillrace): Promise<Made> {
  const begun = performance.now();
  const answer = await fetch(`${info.url}/api/v1/checkpoints`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const { partitions } = (await answer.json()) as {
    partitions: { outcome: string; tookMs: number; bytes: number }[];
  };
  const failed = partitions.find(({ outcome }) => outcome !== 'made');
  if (failed !== undefined) throw new Error(`no checkpoint: ${JSON.stringify(failed)}`);
  return {
    tookMs: performance.now() - begun,
    partitionMs: partitions.map(({ tookMs }) => tookMs),
    bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Until every partition has folded what was in the log when it began. */
async function startAndCatchUp(
  playground: Playground,
): Promise<{ millrace: RunningMillrace; takesDataMs: number; caughtUpMs: number }> {
  const begun = performance.now();
  const millrace = await playground.up({ env: QUIET });
  const takesDataMs = performance.now() - begun;
  await untilFolded(millrace.info.url);
  return { millrace, takesDataMs, caughtUpMs: performance.now() - begun };
}

/** All of it is sent again: a state that was made again knows every sample. */
async function sentAgain(
  { info }: RunningMillrace,
  { load: before, result }: Readonly<{ load: LoadSettings; result: LoadResult }>,
  progress: Progress,
): Promise<string[]> {
  const store = await StoreClient.connect(info);
  try {
    const load = { ...before, url: info.url };
    const { duplicate: known } = await readTotals(store);
    const { samples } = await runLoad(progress, 'sending all of it again', load);
    progress.begin('waiting until all of it is known');
    await until('all of it is known', VISIBLE_MS_MAX, async () => {
      return (await readTotals(store)).duplicate >= known + samples;
    });
    progress.begin('checking whether each sample is stored once');
    const { wrong, rows } = await checkStoredLoad(store, load, result);
    if (rows !== result.samples) wrong.unshift(`${rows} rows, ${result.samples} sent`);
    return wrong;
  } finally {
    await store.close();
  }
}

async function kill({ child, ended }: RunningMillrace): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

async function stop({ child, ended, output }: RunningMillrace): Promise<void> {
  child.kill('SIGTERM');
  const code = await ended;
  if (code !== 0) throw new Error(`Millrace ended with ${code}:\n${output().slice(-3000)}`);
}
