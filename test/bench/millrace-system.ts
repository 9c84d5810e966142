import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Playground } from '../integration/running-millrace.ts';
import { settledLedger } from '../services/ledger-check.ts';
import { figuresOf, figuresOfDescendants } from '../services/process-figures.ts';
import { StoreClient } from '../services/store-client.ts';
import { untilLastVisible } from '../services/last-samples.ts';
import { checkStoredLoad, lateSamples } from '../services/stored-load.ts';
import { benchParent, bytesBelow } from './bench-directory.ts';
import { onAbandon } from './abandon.ts';
import { untilCaughtUp } from './caught-up.ts';
import { samplesOf, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import type {
  PartFigures,
  StartOptions,
  SystemUnderTest,
  WindowRows,
} from './system-under-test.ts';

const VISIBLE_MS_MAX = 600_000;
const LEDGER_MS_MAX = 60_000;
/** Late pieces of windows wait for ten seconds for samples that follow. */
const LATE_MS = 13_000;
const NOTHING = { cpuSeconds: 0, rssBytes: 0 };

export interface MillraceSystem extends SystemUnderTest {
  readonly store: StoreClient;
}

/** Millrace as `npm start` runs it, on a directory of its own. */
export async function startMillrace({
  profileDirectory,
  rules,
}: StartOptions = {}): Promise<MillraceSystem> {
  const playground = await Playground.make(await benchParent());
  const abandoned = onAbandon(() => playground.remove());
  try {
    // Its own metrics once and then no more: they would be counted with the load.
    const { info, child, ended } = await playground.up({
      env: { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h', ...(await rulesOf(playground, rules)) },
      nodeArgs:
        profileDirectory === undefined
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, '--cpu-prof-interval=500'],
    });
    const store = await StoreClient.connect(info);
    const { looker } = await store.row<{ looker: number }>('SELECT pg_backend_pid() AS looker');
    return {
      name: 'millrace',
      url: info.url,
      path: '/api/v1/write',
      store,
      figures: () => ({
        node: figuresOf(info.pid) ?? NOTHING,
        postgres: storeFigures(info.pid, looker),
      }),
      stageSeconds: () => readStageSeconds(info.url),
      untilVisible: (load, result) => untilLastVisible(store, load, result, VISIBLE_MS_MAX),
      untilSettled: () => untilSettled(info.url),
      bytesKept: () => bytesKept(playground.dataDir, store),
      windowRows: () => windowRows(store),
      faults: async (load, result) => await faultsOf(store, load, result),
      stop: async () => {
        await store.close();
        child.kill('SIGINT');
        const code = await ended;
        abandoned.over();
        await playground.remove();
        if (code !== 0) throw new Error(`Millrace ended with ${code}`);
      },
    };
  } catch (error) {
    await playground.remove();
    throw error;
  }
}

async function rulesOf(
  { path }: Playground,
  rules: string | undefined,
): Promise<Record<string, string>> {
  if (rules === undefined) return {};
  const file = join(path, 'rules.yaml');
  await writeFile(file, rules);
  return { MILLRACE_CONFIG: file };
}

/** Windows of what was sent are put out some time after it, and what that costs is no part of it. */
async function untilSettled(url: string): Promise<void> {
  await sleep(LATE_MS);
  await untilCaughtUp(url);
}

/** The same, to which the load is sent as native columnar batches. */
export async function startMillraceForBatches(options?: StartOptions): Promise<MillraceSystem> {
  const millrace = await startMillrace(options);
  return { ...millrace, name: 'millrace, batches', path: '/v1/batch', protocol: 'batch' };
}

/** Without what the looks for samples take, which the bench is the only one to ask for. */
function storeFigures(pid: number, looker: number): PartFigures {
  const all = figuresOfDescendants(pid);
  return { ...all, cpuSeconds: all.cpuSeconds - (figuresOf(looker)?.cpuSeconds ?? 0) };
}

/** Of our own metrics. */
async function readStageSeconds(url: string): Promise<Record<string, number>> {
  const answer = await fetch(`${url}/metrics`);
  const text = await answer.text();
  const lines = text.matchAll(/^millrace_(\w+?)_thread_cpu_seconds_total (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, thread, seconds]) => [thread!, Number(seconds)]));
}

async function bytesKept(dataDir: string, store: StoreClient): Promise<Record<string, number>> {
  const { samples, database } = await store.row<{ samples: number; database: number }>(
    `SELECT sum(pg_total_relation_size(relid))::float8 AS samples,
       pg_database_size(current_database())::float8 AS database
     FROM (VALUES ('samples_narrow'), ('samples_head'), ('samples_packed')) AS part(name),
       pg_partition_tree(part.name::regclass)`,
  );
  return {
    'log, events': await bytesBelow(join(dataDir, 'log', 'metrics.events')),
    'log, series': await bytesBelow(join(dataDir, 'log', 'metrics.series')),
    'table samples': samples,
    'database in all': database,
  };
}

/** As PostgreSQL counts them, which is told a moment later. */
async function windowRows(store: StoreClient): Promise<WindowRows> {
  return await store.row<WindowRows>(
    `SELECT
       coalesce(sum(n_tup_ins) FILTER (WHERE relname <> 'windows_open'), 0)::float8 AS final,
       coalesce(sum(n_tup_ins + n_tup_upd) FILTER (WHERE relname = 'windows_open'), 0)::float8
         AS open
     FROM pg_stat_user_tables
     WHERE relname = 'windows_open' OR relid IN (SELECT relid FROM pg_partition_tree('windows'))`,
  );
}

/**
 * Every acknowledged sample is there once, and the ledger says the same. Asked once the clock was
 * stopped: what cannot be queried now was not there then.
 */
export async function faultsOf(
  store: StoreClient,
  load: LoadSettings,
  result: LoadResult,
): Promise<string[]> {
  const late = await lateSamples(store, load, result);
  const stored = await checkStoredLoad(store, load, result);
  const faults = [...stored.wrong];
  if (late > 0) faults.unshift(`${late} last samples could not be queried yet`);
  const acknowledged = samplesOf(load, result);
  if (stored.rows !== acknowledged) {
    faults.unshift(`${acknowledged} samples were acknowledged, ${stored.rows} rows are stored`);
  }
  const { fault } = await settledLedger(store, acknowledged, LEDGER_MS_MAX);
  if (fault !== undefined) faults.push(`the ledger: ${fault}`);
  return faults;
}
