import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { Playground, type RunningMillrace } from '../integration/running-millrace.ts';
import { Latencies, type LatencySummary } from '../load/latencies.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { LOAD_METRIC } from '../load/load-series.ts';
import { figuresOf, figuresOfDescendants } from '../services/process-figures.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLastVisible } from '../services/last-samples.ts';
import { onAbandon } from './abandon.ts';
import { auditOnce, type AuditFigures } from './audits.ts';
import { benchParent, bytesBelow } from './bench-directory.ts';
import { Candidates } from './candidates.ts';
import type { Progress } from './progress.ts';
import { startProbe } from './visibility-probe.ts';
import { prepareLoad, visibleStep, watchLoad } from './watched-load.ts';

export interface PastParams {
  readonly samples: number;
  readonly connections: number;
  /** Of the paced run beside jobs, in samples a second. */
  readonly rate: number;
  readonly pacedSeconds: number;
  readonly warmUpSeconds: number;
  /** Where CPU profiles of all threads are written; undefined: none is. */
  readonly profileDirectory: string | undefined;
  readonly progress: Progress;
  readonly say: (text: string) => void;
}

export interface PastFigures {
  samples: number;
  /** A second, from the first byte sent to the last sample seen. */
  liveRate: number;
  /** Of the process and its PostgreSQL, without the sender. */
  liveCpuSeconds: number;
  replay: AuditFigures;
  /** From the request to begin until the store has the end of every job. */
  reprocess: Readonly<{
    tookMs: number;
    cpuSeconds: number;
    seriesBytes: number;
    windows: number;
    /** Of the built-in rule, in both editions, and the same. */
    equal: number;
  }>;
  /** A paced run while the past is folded again and again. */
  beside: Readonly<{
    rate: number;
    ackMs: LatencySummary;
    visibleMs: LatencySummary;
    /** Samples of the past folded a second meanwhile. */
    pastRate: number;
    folds: number;
  }>;
  faults: string[];
}

const VISIBLE_MS_MAX = 600_000;
const PAST_MS_MAX = 1_800_000;
const PACED_SERIES = 10_000;
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

/** One more than those in force, so that something is written that was not there. */
const RULES = `rules:
  - name: by_pod
    match: ${LOAD_METRIC}
    by: [pod]
    widths: [1m]
    aggregates: [count, sum, min, max, increase]
`;

/** A log and a store are filled; then their past is folded, dry and under other rules. */
export async function runPast(params: PastParams): Promise<PastFigures> {
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    const millrace = await playground.up({ env: QUIET, nodeArgs: profileArgs(params) });
    const store = await StoreClient.connect(millrace.info);
    try {
      const figures = await measure({ playground, millrace, store }, params);
      await store.close();
      millrace.child.kill('SIGINT');
      await millrace.ended;
      return figures;
    } finally {
      await store.close();
    }
  } finally {
    abandoned.over();
    await playground.remove();
  }
}

function profileArgs({ profileDirectory }: PastParams): string[] {
  if (profileDirectory === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, '--cpu-prof-interval=500'];
}

interface Place {
  playground: Playground;
  millrace: RunningMillrace;
  store: StoreClient;
}

async function measure(place: Place, params: PastParams): Promise<PastFigures> {
  const { playground, millrace, store } = place;
  const { progress, say } = params;
  const { samples, liveRate, liveCpuSeconds, fromMs } = await fill(place, params);
  say(`${samples} samples are stored, ${Math.round(liveRate)}/s`);
  progress.begin('a dry replay');
  const replay = await auditOnce(playground, ['replay']);
  say(`replayed after ${Math.round(replay.auditMs)} ms`);
  progress.begin('folding all of it again');
  const candidates = new Candidates(millrace.info.url, store);
  const seriesLog = join(playground.dataDir, 'log', 'metrics.series');
  const bytesBefore = await bytesBelow(seriesLog);
  const cpu = watchCpu(millrace.info.pid);
  const beganMs = performance.now();
  const number = await candidates.begin(RULES, fromMs);
  await candidates.untilOver(number, PAST_MS_MAX);
  const tookMs = performance.now() - beganMs;
  const cpuSeconds = cpu();
  const seriesBytes = (await bytesBelow(seriesLog)) - bytesBefore;
  say(`folded again after ${Math.round(tookMs)} ms`);
  progress.begin('comparing windows');
  const { windows, equal, faults } = await candidates.compared(number, fromMs);
  await candidates.drop(number);
  const beside = await besideLive(place, params, { candidates, fromMs, samples });
  return {
    ...{ samples, liveRate, liveCpuSeconds, replay, beside },
    reprocess: { tookMs, cpuSeconds, seriesBytes, windows, equal },
    faults: [...replay.faults, ...faults],
  };
}

async function fill(
  { millrace, store }: Place,
  { samples: wanted, connections, progress }: PastParams,
): Promise<Pick<PastFigures, 'samples' | 'liveRate' | 'liveCpuSeconds'> & { fromMs: number }> {
  const { series, stepMs } = DEFAULT_LOAD;
  const stepsMax = Math.ceil(wanted / series);
  const firstTimeMs = Date.now() - (stepsMax + 60) * stepMs;
  const load: LoadSettings = {
    ...{ ...DEFAULT_LOAD, url: millrace.info.url, connections, stepsMax, firstTimeMs },
  };
  const process = await prepareLoad(progress, 'sending', load);
  const cpu = watchCpu(millrace.info.pid);
  const beganMs = performance.now();
  process.go();
  const result = await watchLoad(progress, 'sending', { load, process });
  progress.begin(visibleStep(result));
  await untilLastVisible(store, load, result, VISIBLE_MS_MAX);
  const liveRate = result.samples / ((performance.now() - beganMs) / 1000);
  return { samples: result.samples, liveRate, liveCpuSeconds: cpu(), fromMs: firstTimeMs };
}

/** Of a process and all below it: what it takes from now on. */
function watchCpu(pid: number): () => number {
  const seconds = (): number =>
    (figuresOf(pid)?.cpuSeconds ?? 0) + figuresOfDescendants(pid).cpuSeconds;
  const before = seconds();
  return () => seconds() - before;
}

/** What arrives has to get through meanwhile: the past is folded as often as there is time for. */
async function besideLive(
  { millrace, store }: Place,
  { rate, pacedSeconds, warmUpSeconds, progress, say }: PastParams,
  past: Readonly<{ candidates: Candidates; fromMs: number; samples: number }>,
): Promise<PastFigures['beside']> {
  const { candidates, fromMs, samples } = past;
  const seconds = warmUpSeconds + pacedSeconds;
  const { stepMs } = DEFAULT_LOAD;
  const load: LoadSettings = {
    ...{ ...DEFAULT_LOAD, url: millrace.info.url, metric: 'beside_requests_total' },
    ...{ rate, seconds, warmUpSeconds, series: PACED_SERIES },
    firstTimeMs: Math.round(Date.now() + seconds * 1000 - (rate * seconds * stepMs) / PACED_SERIES),
  };
  const process = await prepareLoad(progress, 'sending beside', load);
  process.go();
  const result = watchLoad(progress, 'folding again, and sending beside', { load, process });
  await sleep(warmUpSeconds * 1000);
  const probe = await startProbe({ url: millrace.info.url, store });
  let isOver = false;
  const sending = result.finally(() => (isOver = true));
  const beganMs = performance.now();
  let folded = 0;
  let folds = 0;
  while (!isOver) {
    const number = await candidates.begin(RULES, fromMs);
    const share = await candidates.untilOver(number, PAST_MS_MAX, () => isOver);
    folded += share * samples;
    folds += share;
    if (!isOver) say(`folded again beside, ${Math.round(performance.now() - beganMs)} ms`);
    await candidates.drop(number);
  }
  const pastRate = folded / ((performance.now() - beganMs) / 1000);
  const { ackMs } = await sending;
  const visible = new Latencies();
  for (const ms of await probe.end(VISIBLE_MS_MAX)) visible.add(ms);
  return { rate, ackMs, visibleMs: visible.summary(), pastRate, folds };
}
