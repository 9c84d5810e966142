import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '../services/repository.ts';
import type { LoadResult, LoadSettings } from './load-run.ts';
import type { FromLoad, ToLoad } from './main.ts';

/** The built program: Node 20 does not run TypeScript. */
const main = join(repositoryRoot, 'test', 'dist', 'load', 'main.js');

/** A load run in a process of its own. */
export interface LoadProcess {
  readonly pid: number;
  /** Begins to send. */
  go(): void;
  /** Begins nothing more. */
  stop(): void;
  /** Acknowledged so far, as it said last. */
  acknowledged(): number;
  /** Resolves when everything sent is acknowledged. */
  readonly result: Promise<LoadResult>;
}

/** Resolves when the requests are built and it only waits for `go`. */
export async function startLoad(settings: LoadSettings): Promise<LoadProcess> {
  // Without what this process was started with: a test runner resolves sources.
  const child = fork(main, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const tell = (message: ToLoad): void => void child.send(message);
  tell({ prepare: settings });
  await once(child, 'message');
  let acknowledged = 0;
  const result = resultOf(child, (samples) => (acknowledged = samples));
  result.finally(() => process.off('exit', kill)).catch(() => undefined);
  return {
    ...{ pid: child.pid!, go: () => tell('go'), stop: () => tell('stop') },
    ...{ acknowledged: () => acknowledged, result },
  };
}

async function resultOf(
  child: ChildProcess,
  acknowledged: (samples: number) => void,
): Promise<LoadResult> {
  return await new Promise((resolve, reject) => {
    child.on('message', (message: FromLoad) => {
      if (typeof message !== 'object' || 'failure' in message) {
        reject(new Error(`The load failed: ${JSON.stringify(message)}`));
      } else if ('result' in message) resolve(message.result);
      else acknowledged(message.acknowledged);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`The load ended: ${code ?? signal}`)));
  });
}
