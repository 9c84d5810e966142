import { spawn } from 'node:child_process';
import { chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { missingLoader, otherMajorVersion, startFailed } from './embedded-errors.ts';
import { POSTGRES_ENVIRONMENT } from './postgres-process.ts';
import type { PlatformBinaries } from './platform-binaries.ts';
import type { RunAs } from './unprivileged-user.ts';

/** Owner of everything in the embedded PostgreSQL, and the name to connect as. */
export const EMBEDDED_USER = 'millrace';
export const EMBEDDED_DATABASE = 'millrace';

/** The cluster's directory, made on first use. It is complete or absent, whatever crashes. */
export async function ensureCluster(
  params: Readonly<{ directory: string; binaries: PlatformBinaries; user: RunAs | undefined }>,
): Promise<string> {
  const { directory, binaries, user } = params;
  const cluster = join(directory, 'cluster');
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) {
    const ours = binaries.version.split('.')[0]!;
    if (version.trim() !== ours) throw otherMajorVersion(version.trim(), ours, cluster);
    return cluster;
  }
  const partial = join(directory, 'cluster.partial');
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  if (user !== undefined) await chown(partial, user.uid, user.gid);
  await run(params, binaries.initdb, [
    ...['-D', partial, '--username', EMBEDDED_USER, '--encoding', 'UTF8'],
    // Not the machine's locale: what sorts and matches here must do so everywhere.
    ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
    // Only the owner of the socket's directory reaches the server at all.
    ...['--auth', 'trust', '--no-instructions'],
  ]);
  const single = ['--single', '-D', partial, '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'];
  const create = `CREATE DATABASE ${EMBEDDED_DATABASE}\n`;
  await run(params, binaries.postgres, [...single, 'postgres'], create);
  await rename(partial, cluster);
  await syncDirectory(directory);
  return cluster;
}

function run(
  params: Readonly<{ directory: string; user: RunAs | undefined }>,
  program: string,
  args: string[],
  input = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      ...params.user,
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
      const what = `${program} could not make a database in ${params.directory} (${code})`;
      reject(startFailed({ what, output, logFile: join(params.directory, 'postgres.log') }));
    });
    child.stdin.end(input);
  });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
