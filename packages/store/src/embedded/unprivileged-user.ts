import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { notTraversable } from './embedded-errors.ts';

/** The user that PostgreSQL is run as: it refuses to run as root. */
export interface RunAs {
  uid: number;
  gid: number;
}

const NOBODY: RunAs = { uid: 65534, gid: 65534 };

/** `nobody` when we are root, undefined when we are not. No user is created. */
export async function unprivilegedUser(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = users.split('\n').find((user) => user.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  // macOS writes -2, which the kernel knows as an unsigned number.
  if (uid === undefined || gid === undefined || Number(uid) < 1) return NOBODY;
  return { uid: Number(uid), gid: Number(gid) };
}

/** Refuses when the user may not enter `directory` or one above it, and names that one. */
export async function checkTraversable(directory: string, user: RunAs): Promise<void> {
  const path: string[] = [];
  for (let at = resolve(directory); ; at = dirname(at)) {
    path.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const at of path) {
    const { mode, uid, gid } = await stat(at);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) throw notTraversable(at, directory);
  }
}
