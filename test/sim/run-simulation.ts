import { spawn } from 'node:child_process';
import type { SimLine, SimOrder } from './sim-main.ts';

interface SimProcessRun {
  lines: SimLine[];
  /** Null when it was ended because it took too long. */
  exitCode: number | null;
  stderr: string;
}

/** Runs a bundled simulation in a process of its own, with any Node. */
export async function runSimulation(
  params: Readonly<{ node?: string; file: string; order: SimOrder; timeoutMs: number }>,
): Promise<SimProcessRun> {
  const { node = process.execPath, file, order, timeoutMs } = params;
  const child = spawn(node, ['--max-semi-space-size=32', file, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as SimLine);
  return { lines, exitCode, stderr };
}
