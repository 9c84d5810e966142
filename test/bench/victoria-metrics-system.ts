import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { until } from '../integration/running-millrace.ts';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { freePort } from '@millrace/runtime/testing';
import { figuresOf } from '../services/process-figures.ts';
import { onAbandon } from './abandon.ts';
import { ask, isAnswering } from './ask-peer.ts';
import { bytesBelow, makeBenchDirectory } from './bench-directory.ts';
import type { SystemMaker, SystemUnderTest } from './system-under-test.ts';

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 60_000;
const NOTHING = { cpuSeconds: 0, rssBytes: 0 };

/** VictoriaMetrics' single node with its defaults: it acknowledges before anything is durable. */
export function victoriaMetrics(program: string): SystemMaker {
  return { name: 'victoria-metrics', start: () => startVictoriaMetrics(program) };
}

async function startVictoriaMetrics(program: string): Promise<SystemUnderTest> {
  const directory = await makeBenchDirectory('victoria-metrics');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `-storageDataPath=${directory}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    '-loggerLevel=ERROR',
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const abandoned = onAbandon(async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  await until('VictoriaMetrics is ready', READY_MS_MAX, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    return await isAnswering(`${url}/health`);
  });
  return {
    name: 'victoria-metrics',
    url,
    path: '/api/v1/write',
    figures: () => ({ 'victoria-metrics': figuresOf(child.pid!) ?? NOTHING }),
    untilVisible: async () => void (await ask(`${url}/internal/force_flush`)),
    bytesKept: async () => ({ disk: await bytesBelow(directory) }),
    faults: (load, result) => faultsOf(url, load, result),
    stop: async () => {
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(late);
      abandoned.over();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Counts what is stored; single series are not looked at. */
async function faultsOf(url: string, load: LoadSettings, result: LoadResult): Promise<string[]> {
  const steps = Math.max(...result.stepsOfGroup);
  const seconds = Math.ceil((steps * load.stepMs) / 1000) + 1;
  const query = new URLSearchParams({
    query: `sum(count_over_time(${load.metric}[${seconds}s]))`,
    time: String((load.firstTimeMs + steps * load.stepMs) / 1000),
    nocache: '1',
  });
  const text = await ask(`${url}/api/v1/query?${query.toString()}`);
  const answer = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  const stored = Number(answer.data.result[0]?.value[1] ?? 0);
  return stored === result.samples ? [] : [`${result.samples} acknowledged, ${stored} stored`];
}
