import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@millrace/runtime/testing';
import { until } from '../integration/running-millrace.ts';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { figuresOf } from '../services/process-figures.ts';
import { onAbandon } from './abandon.ts';
import { ask, isAnswering } from './ask-peer.ts';
import { bytesBelow, makeBenchDirectory } from './bench-directory.ts';
import type { SystemMaker, SystemUnderTest } from './system-under-test.ts';

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 60_000;
const NOTHING = { cpuSeconds: 0, rssBytes: 0 };

/**
 * Senders of several connections overtake one another, so samples may come out of order: without
 * this they would be refused for good.
 */
const CONFIGURATION = `storage:
  tsdb:
    out_of_order_time_window: 2h
`;

/** Prometheus as a receiver of remote write: a write-ahead log, not flushed before it acknowledges. */
export function prometheus(program: string): SystemMaker {
  return { name: 'prometheus', start: () => startPrometheus(program) };
}

async function startPrometheus(program: string): Promise<SystemUnderTest> {
  const directory = await makeBenchDirectory('prometheus');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configuration = join(directory, 'prometheus.yml');
  await writeFile(configuration, CONFIGURATION);
  const data = join(directory, 'data');
  const args = [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=error',
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const abandoned = onAbandon(async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  await until('Prometheus is ready', READY_MS_MAX, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    return await isAnswering(`${url}/-/ready`);
  });
  return {
    name: 'prometheus',
    url,
    path: '/api/v1/write',
    figures: () => ({ prometheus: figuresOf(child.pid!) ?? NOTHING }),
    // What it has acknowledged can be queried.
    untilVisible: () => Promise.resolve(),
    bytesKept: async () => ({ disk: await bytesBelow(data) }),
    faults: (load, result) => faultsOf(url, load, result),
    stop: async () => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(late);
      abandoned.over();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Looks for the series; counting their samples would exceed what it loads for one query. */
async function faultsOf(url: string, load: LoadSettings, result: LoadResult): Promise<string[]> {
  const query = new URLSearchParams({
    query: `count(last_over_time(${load.metric}[2h]))`,
    time: String((load.firstTimeMs + Math.max(...result.stepsOfGroup) * load.stepMs) / 1000),
  });
  const text = await ask(`${url}/api/v1/query?${query.toString()}`);
  const answer = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  const series = Number(answer.data.result[0]?.value[1] ?? 0);
  return series === load.series ? [] : [`${load.series} series were sent, ${series} are there`];
}
