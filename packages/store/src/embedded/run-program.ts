import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { missingLoader, startFailed } from './embedded-errors.ts';
import { POSTGRES_ENVIRONMENT } from './postgres-process.ts';
import type { RunAs } from './unprivileged-user.ts';

/** Runs a program of PostgreSQL that makes something in `directory`, and waits until it did. */
export function runProgram(
  place: Readonly<{ directory: string; user: RunAs | undefined }>,
  program: string,
  args: readonly string[],
  input = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      ...place.user,
    });
    let output = '';
    const keep = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-4096));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? missingLoader(program, error) : error);
    });
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const what = `${program} could not make a database in ${place.directory} (${code})`;
      reject(startFailed({ what, output, logFile: join(place.directory, 'postgres.log') }));
    });
    // One that Ctrl-C ended with us does not read any more. How it ended is told above, whatever
    // becomes of the pipe; unheard, its error would end this process in the middle of a stop.
    child.stdin.once('error', () => undefined);
    child.stdin.end(input);
  });
}
