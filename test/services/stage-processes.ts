import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '@millrace/runtime/testing';
import { until } from '../integration/running-millrace.ts';
import { millraceMain } from './repository.ts';

export type StageName = 'receiver' | 'transformer' | 'writer';
export type Environment = Readonly<Record<string, string>>;

/** One `millrace run …` of its own. */
export interface StageProcess {
  readonly stage: StageName;
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it wrote lately. */
  output(): string;
  /** How many lines it wrote so far. */
  linesWritten(): number;
  /** A clean stop; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const COMMAND_MS_MAX = 120_000;
/** Characters that are kept of a process, the newest ones. */
const OUTPUT_CHARS_MAX = 1_000_000;

/** Starts one stage and resolves when it says that it is ready. */
export async function startStage(
  stage: StageName,
  environment: Environment,
  port?: number,
): Promise<StageProcess> {
  const started = await spawnStage(stage, environment, port);
  await untilReady(started);
  return started;
}

/** Starts one stage, on a free port unless one is named; it may have to wait for what it needs. */
export async function spawnStage(
  stage: StageName,
  environment: Environment,
  port?: number,
): Promise<StageProcess> {
  port ??= await freePort();
  const child = spawn(process.execPath, [millraceMain, 'run', stage], {
    env: { ...process.env, ...environment, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let lines = 0;
  const keep = (chunk: Buffer): void => {
    const text = chunk.toString();
    lines += text.split('\n').length - 1;
    output = (output + text).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'close');
  const stopWith = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return {
    stage,
    url: `http://127.0.0.1:${port}`,
    port,
    child,
    pid: child.pid!,
    output: () => output,
    linesWritten: () => lines,
    stop: () => stopWith('SIGTERM'),
    kill: async () => void (await stopWith('SIGKILL')),
  };
}

export async function untilReady({ stage, url, child, output }: StageProcess): Promise<void> {
  await until(`the ${stage} is ready`, READY_MS_MAX, async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `the ${stage} ended with ${child.exitCode ?? child.signalCode}:\n${output()}`,
      );
    }
    return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true;
  });
}

/** Runs a command of the CLI to its end, resolves with its results; rejects when it fails. */
export async function runCommandLine(
  args: readonly string[],
  environment: Environment,
): Promise<string> {
  const child = spawn(process.execPath, [millraceMain, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let results = '';
  let notices = '';
  child.stdout.on('data', (chunk: Buffer) => (results += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (notices += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS_MAX);
  await once(child, 'close');
  clearTimeout(timer);
  if (child.exitCode === 0) return results;
  const told = `${results}${notices}`;
  throw new Error(`millrace ${args.join(' ')} ended with ${child.exitCode}:\n${told}`);
}
