import type { RunFile } from '@millrace/single/running';
import { Playground } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLastVisible } from '../services/last-samples.ts';
import { onAbandon } from './abandon.ts';
import { benchParent } from './bench-directory.ts';
import { STEPS_A_SECOND_MAX } from './full-rate.ts';
import { faultsOf } from './millrace-system.ts';
import type { Progress } from './progress.ts';
import { untilFolded } from './caught-up.ts';
import { prepareLoad, runLoad, visibleStep, watchLoad } from './watched-load.ts';

export interface CatchUpParams {
  /** Samples a second, which both are told by. */
  readonly rate: number;
  /** For how long the store is away, and how long the rate before it is measured. */
  readonly awaySeconds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly progress: Progress;
  readonly say: (text: string) => void;
}

export interface CatchUpFigures {
  rate: number;
  awaySeconds: number;
  /** Sent while the store was away, at the highest rate: its time is that of the samples. */
  backlog: number;
  sentMs: number;
  /** From the start of the store until the last sample of the backlog is seen. */
  caughtUpMs: number;
  /** Samples a second: of the backlog, and with sending, before. */
  caughtUpRate: number;
  sustainedRate: number;
  faults: string[];
}

const VISIBLE_MS_MAX = 600_000;
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };
const STEP_MS = 1000;

/** How quickly the store gets what came while it was away, against what it takes all the time. */
export async function runCatchUp(params: CatchUpParams): Promise<CatchUpFigures> {
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    return await measure(playground, params);
  } finally {
    abandoned.over();
    await playground.remove();
  }
}

async function measure(playground: Playground, params: CatchUpParams): Promise<CatchUpFigures> {
  const { rate, awaySeconds, seconds, connections, progress, say } = params;
  progress.begin('starting');
  const { info } = await playground.up({ env: QUIET });
  const stepsMax = Math.ceil((rate * awaySeconds) / DEFAULT_LOAD.series);
  const firstTimeMs = Date.now() - (stepsMax + 60) * STEP_MS;
  const base = { ...DEFAULT_LOAD, url: info.url, connections, firstTimeMs, stepMs: STEP_MS };
  // However many steps are sent in that time, none is of a time that is still to come.
  const beforeMs = firstTimeMs - seconds * STEPS_A_SECOND_MAX * STEP_MS;
  const before = { ...base, metric: 'before_total', seconds, firstTimeMs: beforeMs };
  const sustained = await sustainedRate(info, before, progress);
  say(`${Math.round(sustained)} samples/s with the store there`);
  const load: LoadSettings = { ...base, stepsMax };
  const pids = await storePids(playground, info);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  let sent: { result: LoadResult; sentMs: number };
  try {
    sent = await send(load, progress);
    progress.begin('waiting until all of it is folded');
    // As after half an hour: all of it is folded and lies in the log when the store comes back.
    await untilFolded(info.url);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  const begunMs = performance.now();
  const { result, sentMs } = sent;
  say(`${result.samples} samples sent in ${Math.round(sentMs)} ms while it was away`);
  const client = await StoreClient.connect(info);
  try {
    progress.begin(`catching up: ${visibleStep(result)}`);
    await untilLastVisible(client, load, result, VISIBLE_MS_MAX);
    const caughtUpMs = performance.now() - begunMs;
    progress.begin('checking whether each sample is stored once');
    return {
      ...{ rate, awaySeconds, backlog: result.samples, sentMs, caughtUpMs },
      caughtUpRate: result.samples / (caughtUpMs / 1000),
      sustainedRate: sustained,
      faults: await faultsOf(client, load, result),
    };
  } finally {
    await client.close();
  }
}

/** Samples a second that are stored while they are sent. */
async function sustainedRate(
  info: RunFile,
  load: LoadSettings,
  progress: Progress,
): Promise<number> {
  const client = await StoreClient.connect(info);
  try {
    const what = 'the rate with the store there';
    const process = await prepareLoad(progress, what, load);
    const begunMs = performance.now();
    process.go();
    const result = await watchLoad(progress, what, { load, process });
    progress.begin(visibleStep(result));
    await untilLastVisible(client, load, result, VISIBLE_MS_MAX);
    return result.samples / ((performance.now() - begunMs) / 1000);
  } finally {
    await client.close();
  }
}

async function send(
  load: LoadSettings,
  progress: Progress,
): Promise<{ result: LoadResult; sentMs: number }> {
  const result = await runLoad(progress, 'sending without the store', load);
  return { result, sentMs: result.tookMs };
}

/** Of the embedded PostgreSQL: the server, and what serves Millrace. Stopped, nothing answers. */
async function storePids(playground: Playground, info: RunFile): Promise<number[]> {
  const client = await StoreClient.connect(info);
  try {
    const rows = await client.rows<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE application_name = 'millrace' AND backend_type = 'client backend'`,
    );
    return [(await playground.postgresPid())!, ...rows.map(({ pid }) => pid)];
  } finally {
    await client.close();
  }
}
