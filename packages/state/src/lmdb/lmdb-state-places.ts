import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatePlaces } from '../state-places.ts';
import { openLmdbStateStore, type LmdbStateStore } from './lmdb-state-store.ts';

/**
 * Places on this machine, each an LMDB environment in a directory of its own below `directory`.
 * `open`: how one of them is opened; left out: as it is.
 */
export function openLmdbStatePlaces(
  params: Readonly<{
    directory: string;
    open?: (directory: string) => Promise<LmdbStateStore>;
  }>,
): StatePlaces {
  const { directory, open = async (path) => openLmdbStateStore({ directory: path }) } = params;
  const opened = new Map<number, Promise<LmdbStateStore>>();
  const pathOf = (place: number): string => join(directory, String(place));
  const at = async (place: number): Promise<LmdbStateStore> => {
    const known = opened.get(place);
    if (known !== undefined) return await known;
    const opening = open(pathOf(place));
    opened.set(place, opening);
    try {
      return await opening;
    } catch (error) {
      opened.delete(place);
      throw error;
    }
  };
  return {
    at,
    // One machine has all partitions of it.
    remove: async (place) => {
      const store = opened.get(place);
      opened.delete(place);
      await (await store)?.close();
      if (existsSync(pathOf(place))) await rm(pathOf(place), { recursive: true, force: true });
    },
    close: async () => {
      for (const store of opened.values()) await (await store).close();
      opened.clear();
    },
  };
}
