import {
  diskRoom,
  errorText,
  MillraceError,
  type Clock,
  type DiskRoom,
  type Log,
} from '@millrace/runtime';

/** Whether there is room for what is not urgent. */
export interface DiskWatch {
  /** Why there is none, or why that is not known; undefined: there is. */
  whyFull: () => MillraceError | undefined;
  stop(): Promise<void>;
}

interface Components {
  clock: Clock;
  log: Log;
  /** A look failed. */
  onFailed: () => void;
  roomOf?: (path: string) => Promise<DiskRoom>;
}

type Look = Readonly<{ path: string } & ({ room: DiskRoom } | { error: unknown })>;

const LOOK_MS = 1000;
/** Above what is kept free, before it counts as room again: or it would go on and rest by turns. */
const AGAIN = 1.25;

/**
 * Looks at the volumes of these paths; at once, and from then on. Where a look fails what is not
 * urgent rests: it can wait, and a disk that it filled would refuse what arrives.
 */
export async function watchDisk(
  components: Readonly<Components>,
  paths: readonly string[],
): Promise<DiskWatch> {
  const { clock, log, onFailed, roomOf = diskRoom } = components;
  const stopping = new AbortController();
  let full: MillraceError | undefined;
  let unknown: MillraceError | undefined;
  const lookAt = async (path: string): Promise<Look> => {
    try {
      return { path, room: await roomOf(path) };
    } catch (error) {
      return { path, error };
    }
  };
  const look = async (): Promise<void> => {
    const looks = await Promise.all(paths.map(lookAt));
    const rooms = looks.filter((one) => 'room' in one);
    const failed = looks.find((one) => 'error' in one);
    const factor = full === undefined ? 1 : AGAIN;
    const first = rooms.find(({ room }) => room.freeBytes < room.keptFreeBytes * factor);
    // What was full and cannot be looked at may be full still.
    if (first !== undefined) full = diskFull(first.path, first.room);
    else if (failed === undefined) full = undefined;
    if (failed !== undefined) onFailed();
    tell(log, unknown, failed);
    unknown = failed && roomUnknown(failed.path, failed.error);
  };
  await look();
  const looking = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(LOOK_MS, stopping.signal).catch(() => undefined);
      await look();
    }
  })();
  return {
    whyFull: () => full ?? unknown,
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}

/** Once: it lasts as long as whatever is wrong. */
function tell(
  log: Log,
  before: MillraceError | undefined,
  failed: { path: string; error: unknown } | undefined,
): void {
  if (failed === undefined && before !== undefined) {
    log.info({}, 'The room on all disks is known again.');
  }
  if (failed === undefined || before !== undefined) return;
  const fields = { path: failed.path, error: errorText(failed.error) };
  log.warn(fields, 'How much room a disk has is not known: jobs rest until it is.');
}

function roomUnknown(path: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'JOB_DISK_UNKNOWN',
    kind: 'transient',
    message:
      `How much room the disk of ${path} has is not known (${errorText(cause)}): jobs rest where ` +
      'they are, because they must not take the room of what arrives. Nothing is lost, and live ' +
      'folding goes on.',
    remedy: `Look at that disk, for example with "df ${path}"; jobs go on by themselves.`,
    cause,
  });
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
