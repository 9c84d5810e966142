import { chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { otherMajorVersion } from './embedded-errors.ts';
import type { PlatformBinaries } from './platform-binaries.ts';
import { runProgram } from './run-program.ts';
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
  await runProgram({ directory, user }, binaries.initdb, [
    ...['-D', partial, '--username', EMBEDDED_USER, '--encoding', 'UTF8'],
    // Not the machine's locale: what sorts and matches here must do so everywhere.
    ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
    // Only the owner of the socket's directory reaches the server at all.
    ...['--auth', 'trust', '--no-instructions'],
  ]);
  const single = ['--single', '-D', partial, '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'];
  const create = `CREATE DATABASE ${EMBEDDED_DATABASE}\n`;
  await runProgram({ directory, user }, binaries.postgres, [...single, 'postgres'], create);
  await rename(partial, cluster);
  await syncDirectory(directory);
  return cluster;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
