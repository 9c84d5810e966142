import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifyProcess } from '@millrace/runtime';
import type { RunFile } from '@millrace/single/running';
import { millraceMain } from '../services/repository.ts';

const POLL_MS = 20;
const READY_MS_MAX = 60_000;
const COMMAND_MS_MAX = 90_000;
const ANSWER_MS_MAX = 30_000;

/** One directory of its own for a test, and everything that was started on it. */
export class Playground {
  readonly path: string;
  readonly #children: ChildProcess[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  static async make(parent: string = tmpdir()): Promise<Playground> {
    const path = await mkdtemp(join(parent, 'millrace-test-'));
    // As root PostgreSQL runs as nobody, who has to pass through.
    await chmod(path, 0o755);
    return new Playground(path);
  }

  get dataDir(): string {
    return join(this.path, 'data');
  }

  /** Starts `millrace up` and resolves when `run.json` says that it takes data. */
  async up(params: UpParams = {}): Promise<RunningMillrace> {
    const running = this.start(['up', ...(params.args ?? [])], params.env, params.nodeArgs);
    await until('millrace is ready', READY_MS_MAX, async () => {
      if (running.child.exitCode !== null || running.child.signalCode !== null) {
        throw new Error(`it ended with ${running.child.exitCode}:\n${running.output()}`);
      }
      return (await this.readRun())?.pid === running.child.pid;
    });
    return Object.assign(running, { info: (await this.readRun())! });
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], env: Environment = {}): Promise<CommandResult> {
    const { child, stdout, stderr, output, ended } = this.start(args, env);
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MS_MAX);
    const code = await ended;
    clearTimeout(timer);
    if (child.killed) throw new Error(`after ${COMMAND_MS_MAX} ms: ${args.join(' ')}: ${output()}`);
    return { code, signal: child.signalCode, stdout: stdout(), stderr: stderr() };
  }

  /** `millrace sql --json`. */
  async sql<T = Record<string, unknown>>(statement: string): Promise<T[]> {
    const { code, stdout, stderr } = await this.run(['sql', '--json', statement]);
    if (code !== 0) throw new Error(`${statement}: ${stderr}`);
    return JSON.parse(stdout) as T[];
  }

  async readRun(): Promise<RunFile | undefined> {
    try {
      return JSON.parse(await readFile(join(this.dataDir, 'run.json'), 'utf8')) as RunFile;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Process id of the embedded PostgreSQL, when one runs on this directory. */
  async postgresPid(): Promise<number | undefined> {
    const file = join(this.dataDir, 'postgres', 'cluster', 'postmaster.pid');
    const text = await readFile(file, 'utf8').catch(() => '');
    const pid = Number(text.split('\n')[0]);
    if (!(pid > 1) || identifyProcess(pid).started === undefined) return undefined;
    return pid;
  }

  /** Ends everything, however the test ended. */
  async remove(): Promise<void> {
    await this.end();
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends the processes, which are gone when it resolves; what they wrote stays. */
  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    const pid = await this.postgresPid();
    if (pid !== undefined) {
      process.kill(pid, 'SIGQUIT');
      await until('PostgreSQL is gone', 10_000, async () => !isAlive(pid));
    }
  }

  start(
    args: readonly string[],
    env: Environment = {},
    nodeArgs: readonly string[] = [],
  ): StartedCommand {
    const child = spawn(process.execPath, [...nodeArgs, millraceMain, ...args], {
      cwd: this.path,
      env: { ...cleanEnvironment(), MILLRACE_DATA_DIR: this.dataDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code));
    });
    return {
      child,
      stdout: () => stdout,
      stderr: () => stderr,
      output: () => `${stdout}${stderr}`,
      ended,
    };
  }
}

type Environment = Readonly<Record<string, string>>;

export interface UpParams {
  args?: readonly string[];
  /** `PORT: '0'` unless something else is said. */
  env?: Environment;
  /** Options of Node itself. */
  nodeArgs?: readonly string[];
}

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface StartedCommand {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  output(): string;
  /** Resolves with the exit code; null when a signal ended it. */
  ended: Promise<number | null>;
}

export interface RunningMillrace extends StartedCommand {
  info: RunFile;
}

export interface PushAnswer {
  status: number;
  accepted: number;
  identity: string;
  token: string;
  stored: boolean;
}

/** `POST /v1/events`. */
export async function push(
  url: string,
  samples: unknown,
  params: Readonly<{ key?: string; wait?: 'stored' }> = {},
): Promise<PushAnswer> {
  const answer = await fetch(`${url}/v1/events${params.wait === undefined ? '' : '?wait=stored'}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(params.key === undefined ? {} : { 'idempotency-key': params.key }),
    },
    body: JSON.stringify(samples),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  return { ...((await answer.json()) as PushAnswer), status: answer.status };
}

/** Polls until it holds; fails with what was waited for when that takes too long. */
export async function until(
  what: string,
  msMax: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`after ${msMax} ms not yet: ${what}`);
    await sleep(POLL_MS);
  }
}

export function isAlive(pid: number): boolean {
  return identifyProcess(pid).started !== undefined;
}

/** Settings of whoever runs the tests must not reach what is tested. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^(MILLRACE_|DATABASE_URL$|KAFKA_BROKERS$|REDIS_URL$|PORT$|NO_COLOR$|FORCE_COLOR$|npm_|NODE_OPTIONS$|VITEST)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  return { ...Object.fromEntries(kept), PORT: '0' };
}
