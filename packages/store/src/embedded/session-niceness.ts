import { readFile, writeFile } from 'node:fs/promises';
import { errorText, GIVE_WAY_STEPS, type Log } from '@millrace/runtime';

const LOOK_MS = 1000;

export interface SessionNiceness {
  stop(): void;
}

/**
 * Where Linux shares the processors among sessions first (`sched_autogroup_enabled`, as on most
 * desktops), niceness counts only within one, and each backend of PostgreSQL is a session of its
 * own: five of them that pack samples would have five times what all of ours together have. Makes
 * those of this server nice, new ones within a second or two.
 */
export function keepSessionsNice(server: number, log: Log): SessionNiceness {
  const done = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const backends = await childrenOf(server);
    for (const pid of done) if (!backends.includes(pid)) done.delete(pid);
    for (const pid of backends) {
      if (done.has(pid)) continue;
      await writeFile(`/proc/${pid}/autogroup`, String(GIVE_WAY_STEPS));
      done.add(pid);
    }
  };
  const lookAndGoOn = async (): Promise<void> => {
    await look().catch((error: unknown) => {
      // Not more than ten times a second are taken from whoever is not root; or it just ended.
      log.debug({ error: errorText(error) }, 'A backend could not be made nice');
    });
    timer?.refresh();
  };
  const isShared = async (): Promise<boolean> => {
    const text = await readFile('/proc/sys/kernel/sched_autogroup_enabled', 'utf8').catch(() => '');
    return text.trim() === '1';
  };
  let isStopped = false;
  void isShared().then((is) => {
    if (!is || isStopped) return;
    timer = setTimeout(() => void lookAndGoOn(), LOOK_MS);
    timer.unref();
  });
  return {
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

async function childrenOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter((child) => child.trim() !== '');
}
