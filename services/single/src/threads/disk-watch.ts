import { diskRoom, MillraceError, type Clock, type DiskRoom } from '@millrace/runtime';

/** Whether there is room for what is not urgent. */
export interface DiskWatch {
  /** Why there is none; undefined: there is. */
  whyFull: () => MillraceError | undefined;
  stop(): Promise<void>;
}

const LOOK_MS = 1000;
/** Above what is kept free, before it counts as room again: or it would go on and rest by turns. */
const AGAIN = 1.25;

/** Looks at the volumes of these paths; at once, and from then on. */
export async function watchDisk(
  components: Readonly<{ clock: Clock; roomOf?: (path: string) => Promise<DiskRoom> }>,
  paths: readonly string[],
): Promise<DiskWatch> {
  const { clock, roomOf = diskRoom } = components;
  const stopping = new AbortController();
  let full: MillraceError | undefined;
  const look = async (): Promise<void> => {
    const rooms = await Promise.all(
      paths.map(async (path) => ({ path, room: await roomOf(path) })),
    );
    const factor = full === undefined ? 1 : AGAIN;
    const first = rooms.find(({ room }) => room.freeBytes < room.keptFreeBytes * factor);
    full = first === undefined ? undefined : diskFull(first.path, first.room);
  };
  // A look that failed says nothing; whoever writes there is told what is wrong.
  await look().catch(() => undefined);
  const looking = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(LOOK_MS, stopping.signal).catch(() => undefined);
      await look().catch(() => undefined);
    }
  })();
  return {
    whyFull: () => full,
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}

function diskFull(path: string, { freeBytes, keptFreeBytes }: DiskRoom): MillraceError {
  const mib = (bytes: number): string =>
    `${Math.round(bytes / 2 ** 20).toLocaleString('en-US')} MiB`;
  return new MillraceError({
    code: 'JOB_DISK_FULL',
    kind: 'transient',
    message:
      `The disk of ${path} has ${mib(freeBytes)} left, and ${mib(keptFreeBytes)} of it are kept ` +
      'for what arrives: jobs rest where they are. Nothing is lost, and live folding goes on.',
    remedy:
      'Make room and they go on by themselves; or give them up with "millrace edition drop NUMBER".',
  });
}
