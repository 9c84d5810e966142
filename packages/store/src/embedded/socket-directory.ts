import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunAs } from './unprivileged-user.ts';

export const POSTGRES_PORT = 5432;
/** The path of a Unix socket ends with a zero in a field of 108 bytes (Linux) or 104 (macOS). */
const SOCKET_PATH_BYTES_MAX = 103;

export interface SocketDirectory {
  path: string;
  /** Removes it if it lies outside the data directory. */
  remove(): Promise<void>;
}

/**
 * Beside the cluster, or, where that path is too long for the kernel, in the system's tmp.
 * `again`: where it was the last time, so that connections find a restarted server.
 */
export async function prepareSocketDirectory(
  directory: string,
  user: RunAs | undefined,
  again: string | undefined,
): Promise<SocketDirectory> {
  const beside = join(directory, 'socket');
  const socketPath = join(beside, `.s.PGSQL.${POSTGRES_PORT}`);
  const isTemporary = Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX;
  let path = beside;
  if (!isTemporary) await mkdir(path, { recursive: true });
  // Not `recursive`: in a directory open to all somebody else may have taken the name.
  else if (again !== undefined) await mkdir((path = again));
  else path = await mkdtemp(join(tmpdir(), 'millrace-'));
  // Whoever gets in here gets in: the server trusts every connection.
  await chmod(path, 0o700);
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return {
    path,
    remove: async () => {
      if (isTemporary) await rm(path, { recursive: true, force: true });
    },
  };
}
