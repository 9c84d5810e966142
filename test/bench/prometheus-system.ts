import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@millrace/runtime/testing';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { askNumber, untilPeerVisible } from './ask-peer.ts';
import { bytesBelow, makeBenchDirectory } from './bench-directory.ts';
import { startPeer } from './peer-process.ts';
import type { SystemMaker, SystemUnderTest } from './system-under-test.ts';

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
  const peer = await startPeer({
    ...{ program, args, directory },
    readyUrl: `${url}/-/ready`,
    stopSignal: 'SIGTERM',
  });
  return {
    name: 'prometheus',
    url,
    path: '/api/v1/write',
    figures: () => ({ prometheus: peer.figures() }),
    untilVisible: (load, result) => untilPeerVisible(url, load, result),
    bytesKept: async () => ({ disk: await bytesBelow(data) }),
    faults: (load, result) => faultsOf(url, load, result),
    stop: () => peer.stop(),
  };
}

/** Looks for the series; counting their samples would exceed what it loads for one query. */
async function faultsOf(url: string, load: LoadSettings, result: LoadResult): Promise<string[]> {
  const series = await askNumber(
    url,
    `count(last_over_time(${load.metric}[2h]))`,
    (load.firstTimeMs + Math.max(...result.stepsOfGroup) * load.stepMs) / 1000,
  );
  return series === load.series ? [] : [`${load.series} series were sent, ${series} are there`];
}
