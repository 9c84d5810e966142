import type { StatePlaces } from '../state-places.ts';
import { stateKey } from './redis-layout.ts';
import {
  connectToRedis,
  OpenRedisStateStore,
  type openRedisStateStore,
} from './redis-state-store.ts';

/**
 * Places in a Redis, over one connection: the keys of each begin with the prefix and its number,
 * `millrace:job-12:{p7}:state`.
 *
 * @throws StateError STATE_BAD_SETTINGS
 */
export function openRedisStatePlaces(
  params: Parameters<typeof openRedisStateStore>[0],
): StatePlaces {
  const { connection, place: where, keyPrefix, settings } = connectToRedis(params);
  const open = new Map<number, OpenRedisStateStore>();
  const prefixOf = (place: number): string => `${keyPrefix}:job-${place}`;
  return {
    at: async (place) => {
      const known = open.get(place);
      if (known !== undefined) return known;
      const store = new OpenRedisStateStore({
        ...{ connection, place: where, settings },
        keyPrefix: prefixOf(place),
      });
      open.set(place, store);
      return store;
    },
    remove: async (place, partitions) => {
      for (const partition of partitions) {
        const key = stateKey(prefixOf(place), partition);
        await connection.call({
          doing: 'Removing',
          where: `${where}, ${key}`,
          send: (client) => client.unlink(key),
        });
      }
    },
    close: () => connection.close(),
  };
}
