import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** What tells one process from every other that has, had or will have the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in an opaque form; undefined when there is no such process. */
  readonly started: string | undefined;
  /** The boot and the pid namespace in which pid and start mean something. */
  readonly boot: string;
  readonly namespace: string;
}

/** Looks at `/proc` on Linux and asks `ps` elsewhere. */
export function identifyProcess(pid: number): ProcessIdentity {
  const boot = readText('/proc/sys/kernel/random/boot_id');
  if (boot === undefined) {
    return { pid, started: startOfPs(pid), boot: 'unknown', namespace: 'host' };
  }
  return { pid, started: startOfProc(pid), boot, namespace: readlinkSync('/proc/self/ns/pid') };
}

/** Field 22 of `/proc/PID/stat`: clock ticks between boot and the start of the process. */
function startOfProc(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may itself hold blanks and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended: it only waits for its parent to ask for its exit code.
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

function startOfPs(pid: number): string | undefined {
  const run = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  if (run.error !== undefined) throw run.error;
  const text = run.stdout.trim();
  return text === '' ? undefined : text;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: the process ended between opening and reading its file.
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
