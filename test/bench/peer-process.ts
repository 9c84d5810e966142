import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { until } from '../integration/running-millrace.ts';
import { figuresOf } from '../services/process-figures.ts';
import { onAbandon } from './abandon.ts';
import { isAnswering } from './ask-peer.ts';
import type { PartFigures } from './system-under-test.ts';

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 60_000;

/** A program of others that is measured, on a directory of its own. */
export interface PeerProcess {
  figures(): PartFigures;
  /** Ends it, and removes its directory. */
  stop(): Promise<void>;
}

/** Resolves when it answers at `readyUrl`. */
export async function startPeer(
  params: Readonly<{
    program: string;
    args: readonly string[];
    directory: string;
    readyUrl: string;
    stopSignal: 'SIGINT' | 'SIGTERM';
  }>,
): Promise<PeerProcess> {
  const { program, args, directory, readyUrl, stopSignal } = params;
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const abandoned = onAbandon(async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  await until(`${program} is ready`, READY_MS_MAX, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    return await isAnswering(readyUrl);
  });
  return {
    figures: () => figuresOf(child.pid!) ?? { cpuSeconds: 0, rssBytes: 0 },
    stop: async () => {
      child.kill(stopSignal);
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(late);
      abandoned.over();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
