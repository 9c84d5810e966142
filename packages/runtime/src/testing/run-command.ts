import { spawn } from 'node:child_process';
import { basename } from 'node:path';

export interface EndedCommand {
  /** Null when it did not start, or was ended by a signal. */
  readonly code: number | null;
  /** Both its outputs, as they came. */
  readonly output: string;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Instead of the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** It is ended after so long; 3 min unless said. */
  readonly msMax?: number;
  /** Whom to run it as, when not as ourselves. */
  readonly user?: ProcessUser | undefined;
}

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

const COMMAND_MS_MAX = 3 * 60_000;

/** Runs a program to its end. */
export function runCommand(command: Command): Promise<EndedCommand> {
  const { file, args, cwd = '/', env, msMax, user } = command;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      ...user,
      cwd,
      env: env ?? process.env,
      timeout: msMax ?? COMMAND_MS_MAX,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Runs a program that must succeed; throws with the end of what it said when it does not. */
export async function runOrFail(command: Command): Promise<EndedCommand> {
  const ended = await runCommand(command);
  if (ended.code === 0) return ended;
  const said = ended.output.trim().slice(-500);
  throw new Error(`${basename(command.file)} failed (${ended.code}): ${said}`);
}
