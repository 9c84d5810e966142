import type { StatePlaces } from '../state-places.ts';
import { MemoryStateDatabase } from './memory-state-database.ts';
import { MemoryStateStore } from './memory-state-store.ts';

/** What outlives the processes that use it: see `MemoryStateDatabase`. */
export class MemoryPlacesDatabase {
  readonly places: Map<number, MemoryStateDatabase> = new Map();
}

/** Places in memory, for unit tests and the simulator only. */
export function openMemoryStatePlaces(
  database: MemoryPlacesDatabase = new MemoryPlacesDatabase(),
): StatePlaces {
  const open = new Map<number, MemoryStateStore>();
  const { places } = database;
  return {
    at: async (place) => {
      const held = places.get(place) ?? new MemoryStateDatabase();
      places.set(place, held);
      const store = open.get(place) ?? new MemoryStateStore(held);
      open.set(place, store);
      return store;
    },
    remove: async (place, partitions) => {
      for (const partition of partitions) places.get(place)?.forget(partition);
    },
    close: async () => {
      for (const store of open.values()) await store.close();
    },
  };
}
