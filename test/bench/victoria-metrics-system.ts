import { samplesOf, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { freePort } from '@millrace/runtime/testing';
import { ask, askNumber, untilPeerVisible } from './ask-peer.ts';
import { bytesBelow, makeBenchDirectory } from './bench-directory.ts';
import { startPeer } from './peer-process.ts';
import type { SystemMaker, SystemUnderTest } from './system-under-test.ts';

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
  const peer = await startPeer({
    ...{ program, args, directory },
    readyUrl: `${url}/health`,
    stopSignal: 'SIGINT',
  });
  return {
    name: 'victoria-metrics',
    url,
    path: '/api/v1/write',
    figures: () => ({ 'victoria-metrics': peer.figures() }),
    untilVisible: (load, result) =>
      untilPeerVisible(url, load, result, () => ask(`${url}/internal/force_flush`)),
    bytesKept: async () => ({ disk: await bytesBelow(directory) }),
    faults: (load, result) => faultsOf(url, load, result),
    stop: () => peer.stop(),
  };
}

/** Counts what is stored; single series are not looked at. */
async function faultsOf(url: string, load: LoadSettings, result: LoadResult): Promise<string[]> {
  const steps = Math.max(...result.stepsOfGroup);
  const seconds = Math.ceil((steps * load.stepMs) / 1000) + 1;
  const stored = await askNumber(
    url,
    `sum(count_over_time(${load.metric}[${seconds}s]))`,
    (load.firstTimeMs + steps * load.stepMs) / 1000,
  );
  const sent = samplesOf(load, result);
  return stored === sent ? [] : [`${sent} acknowledged, ${stored} stored`];
}
