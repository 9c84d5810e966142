import { MillraceError, type DiskRoom } from '@millrace/runtime';
import { formatBytes } from '../quantities.ts';

/** Something that will take up room on the volume of a path. */
export interface RoomNeed {
  /** As the end of a sentence: `of it in the store`. */
  what: string;
  path: string;
  bytes: number;
}

/**
 * Refuses what would take more of a volume than there is, but for what is kept free for what
 * arrives.
 *
 * @throws MillraceError REPROCESS_NO_ROOM; what the file system throws.
 */
export async function checkRoom(
  needs: readonly RoomNeed[],
  roomOf: (path: string) => Promise<DiskRoom>,
): Promise<void> {
  const volumes = new Map<number, { room: DiskRoom; needs: RoomNeed[] }>();
  for (const need of needs) {
    const room = await roomOf(need.path);
    const known = volumes.get(room.device);
    if (known === undefined) volumes.set(room.device, { room, needs: [need] });
    else known.needs.push(need);
  }
  for (const { room, needs: here } of volumes.values()) {
    const bytes = here.reduce((sum, need) => sum + need.bytes, 0);
    if (bytes > Math.max(0, room.freeBytes - room.keptFreeBytes)) throw noRoom(bytes, here, room);
  }
}

/** `1.2 GiB: 900 MiB in the store, …` */
export function needsText(needs: readonly Pick<RoomNeed, 'what' | 'bytes'>[]): string {
  const bytes = needs.reduce((sum, need) => sum + need.bytes, 0);
  const parts = needs.map((need) => `${formatBytes(Math.round(need.bytes))} ${need.what}`);
  return `${formatBytes(Math.round(bytes))}: ${parts.join(', ')}`;
}

function noRoom(bytes: number, needs: readonly RoomNeed[], room: DiskRoom): MillraceError {
  const { freeBytes, keptFreeBytes } = room;
  const missing = Math.round(bytes - Math.max(0, freeBytes - keptFreeBytes));
  return new MillraceError({
    code: 'REPROCESS_NO_ROOM',
    kind: 'permanent',
    message:
      `The past under these rules would take up about ${needsText(needs)}; the disk of ` +
      `${needs[0]!.path} has ${formatBytes(freeBytes)} free, and ${formatBytes(keptFreeBytes)} ` +
      `of it are kept for what arrives. ${formatBytes(missing)} are missing. Nothing was begun.`,
    remedy:
      'Make room, begin later (--since), or fold less: "millrace preview" tells what each rule ' +
      'takes up. With --force it begins all the same, and rests while the disk is full.',
  });
}
