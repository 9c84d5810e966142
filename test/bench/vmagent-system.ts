import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@millrace/runtime/testing';
import { samplesOf, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { bytesBelow, makeBenchDirectory } from './bench-directory.ts';
import { startCountingSink, type CountingSink } from './counting-sink.ts';
import { startPeer } from './peer-process.ts';
import type { SystemMaker, SystemUnderTest } from './system-under-test.ts';

const INTERVAL_SECONDS = 5;
const POLL_MS = 100;
const FLUSHED_MS_MAX = 4 * INTERVAL_SECONDS * 1000;

/** As a rule of ours that aggregates series away: 100 pods of 10,000 series. */
const AGGREGATION = `- interval: ${INTERVAL_SECONDS}s
  by: [pod]
  outputs: [count_samples, sum_samples, min, max]
`;

/**
 * vmagent with stream aggregation: takes remote write, keeps sums in memory and sends those on. It
 * stores no sample, and nothing that it acknowledges survives it.
 */
export function vmagent(program: string): SystemMaker {
  return { name: 'vmagent', start: () => startVmagent(program) };
}

async function startVmagent(program: string): Promise<SystemUnderTest> {
  const directory = await makeBenchDirectory('vmagent');
  const sink = await startCountingSink();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configuration = join(directory, 'aggregation.yml');
  await writeFile(configuration, AGGREGATION);
  const buffer = join(directory, 'buffer');
  const args = [
    `-httpListenAddr=127.0.0.1:${port}`,
    `-remoteWrite.url=${sink.url}`,
    `-remoteWrite.tmpDataPath=${buffer}`,
    `-remoteWrite.streamAggr.config=${configuration}`,
    '-remoteWrite.forcePromProto',
    '-loggerLevel=ERROR',
  ];
  const peer = await startPeer({
    ...{ program, args, directory },
    readyUrl: `${url}/health`,
    stopSignal: 'SIGINT',
  });
  return {
    name: 'vmagent',
    url,
    path: '/api/v1/write',
    figures: () => ({ vmagent: peer.figures() }),
    // It aggregates what it acknowledges at once: when it tells of it is a matter of its interval.
    untilVisible: () => Promise.resolve(),
    bytesKept: async () => ({ buffer: await bytesBelow(buffer) }),
    faults: (load, result) => faultsOf(sink, load, result),
    stop: async () => {
      await peer.stop();
      await sink.close();
    },
  };
}

/** Waits for the interval in which the last samples came. */
async function faultsOf(
  sink: CountingSink,
  load: LoadSettings,
  result: LoadResult,
): Promise<string[]> {
  const sent = samplesOf(load, result);
  const counted = (): number => sink.sumOf(load.metric, 'count_samples');
  const deadlineMs = performance.now() + FLUSHED_MS_MAX;
  while (counted() < sent && performance.now() < deadlineMs) await sleep(POLL_MS);
  return counted() === sent ? [] : [`${sent} acknowledged, ${counted()} aggregated`];
}
