import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Room on the volume that a path lies on, or will. */
export interface DiskRoom {
  /** Tells volumes apart: two paths with the same one share the room. */
  device: number;
  totalBytes: number;
  freeBytes: number;
  /** What nobody takes who can wait: it is for what arrives. */
  keptFreeBytes: number;
}

const KEPT_BYTES_MAX = 1_073_741_824;
const KEPT_SHARE = 0.05;

/** @throws what the file system throws. */
export async function diskRoom(path: string): Promise<DiskRoom> {
  try {
    const { dev: device } = await stat(path);
    const { bavail, blocks, bsize } = await statfs(path);
    const totalBytes = blocks * bsize;
    const keptFreeBytes = Math.min(KEPT_BYTES_MAX, Math.ceil(totalBytes * KEPT_SHARE));
    return { device, totalBytes, freeBytes: bavail * bsize, keptFreeBytes };
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    return await diskRoom(above);
  }
}
