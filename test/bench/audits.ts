import type { AuditReport, ReplayReport } from '@millrace/audit';
import { Playground } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { figuresOf } from '../services/process-figures.ts';
import { settledLedger } from '../services/ledger-check.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLoadVisible } from '../services/stored-load.ts';
import { onAbandon } from './abandon.ts';
import { benchParent } from './bench-directory.ts';
import type { Progress } from './progress.ts';
import { runLoad, visibleStep } from './watched-load.ts';

export interface AuditsParams {
  readonly samples: number;
  readonly connections: number;
  readonly progress: Progress;
  readonly say: (text: string) => void;
}

export interface AuditFigures {
  /** The command. */
  mode: string;
  samples: number;
  rows: Readonly<Record<string, number>>;
  /** Of the whole command, and as it says itself. */
  tookMs: number;
  auditMs: number;
  /** The most that was seen of it. */
  rssBytes: number;
  /** Of the whole command, as it was seen last. */
  cpuSeconds: number;
  faults: string[];
}

const VISIBLE_MS_MAX = 600_000;
const LEDGER_MS_MAX = 60_000;
const LOOK_MS = 100;
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

/** Fills a log and a store, and audits and replays them while nothing else comes in. */
export async function runAudits(params: AuditsParams): Promise<AuditFigures[]> {
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    params.progress.begin('starting');
    await fill(playground, params);
    const audits: AuditFigures[] = [];
    for (const command of [['audit'], ['audit', '--deep'], ['replay']]) {
      params.progress.begin(`millrace ${command.join(' ')}`);
      audits.push(await auditOnce(playground, command));
    }
    return audits;
  } finally {
    abandoned.over();
    await playground.remove();
  }
}

async function fill(playground: Playground, params: AuditsParams): Promise<void> {
  const { samples, connections, progress, say } = params;
  const { info } = await playground.up({ env: QUIET });
  const { series, stepMs } = DEFAULT_LOAD;
  const stepsMax = Math.ceil(samples / series);
  const firstTimeMs = Date.now() - (stepsMax + 60) * stepMs;
  const load: LoadSettings = {
    ...{ ...DEFAULT_LOAD, url: info.url, connections, stepsMax, firstTimeMs },
  };
  const result = await runLoad(progress, 'sending', load);
  progress.begin(visibleStep(result));
  const store = await StoreClient.connect(info);
  try {
    await untilLoadVisible(store, load, result, VISIBLE_MS_MAX);
    const { fault } = await settledLedger(store, result.samples, LEDGER_MS_MAX);
    if (fault !== undefined) throw new Error(`the ledger: ${fault}`);
  } finally {
    await store.close();
  }
  say(`${result.samples} samples of ${series} series are stored`);
}

export async function auditOnce(
  playground: Playground,
  command: readonly string[],
): Promise<AuditFigures> {
  const begun = performance.now();
  const { child, ended, stdout, stderr } = playground.start([...command, '--json']);
  let rssBytes = 0;
  let cpuSeconds = 0;
  const looking = setInterval(() => {
    const figures = figuresOf(child.pid!);
    rssBytes = Math.max(rssBytes, figures?.rssBytes ?? 0);
    cpuSeconds = Math.max(cpuSeconds, figures?.cpuSeconds ?? 0);
  }, LOOK_MS);
  const code = await ended.finally(() => clearInterval(looking));
  const tookMs = performance.now() - begun;
  if (stdout() === '') throw new Error(`the audit ended with ${code}: ${stderr()}`);
  const report = JSON.parse(stdout()) as AuditReport | ReplayReport;
  return {
    mode: command.join(' '),
    samples: report.partitions.reduce((sum, { samples }) => sum + samples, 0),
    rows: 'rows' in report ? report.rows : rowsOf(report),
    ...{ tookMs, auditMs: report.durationMs, rssBytes, cpuSeconds },
    faults: report.findings.map(({ message }) => message),
  };
}

function rowsOf({ tables }: ReplayReport): Record<string, number> {
  return Object.fromEntries(Object.entries(tables).map(([table, { rows }]) => [table, rows]));
}
