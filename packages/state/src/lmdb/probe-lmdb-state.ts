import { corruptState, isCorruptState } from '../state-error.ts';
import { openLmdbDatabase } from './lmdb-database.ts';
import { lmdbError } from './lmdb-errors.ts';
import { trialKey } from './lmdb-layout.ts';
import { openLmdbStateStore } from './lmdb-state-store.ts';

/**
 * Reads all that there is in the files of a state and commits something that nobody looks at, to
 * find out whether they can be used. On pages of no meaning LMDB ends the process, mostly without
 * a word: so this is for a process that has nothing else to do. One partition's state that
 * contradicts itself says nothing against the files.
 *
 * @throws StateError STATE_CORRUPT, and whatever else keeps the files from being used.
 */
export async function probeLmdbState(
  params: Readonly<{ directory: string; partitions: number }>,
): Promise<void> {
  const { directory, partitions } = params;
  const database = openLmdbDatabase(directory);
  try {
    let found = 0;
    for (const _ of database.getKeys()) found += 1;
    const { entryCount } = database.getStats() as { entryCount: number };
    if (found !== entryCount) {
      const detail = `${found} entries can be found, ${entryCount} were committed`;
      throw corruptState({ where: directory, detail });
    }
    await database.put(trialKey(), new Uint8Array(0), 0);
    await database.remove(trialKey());
  } catch (error) {
    throw lmdbError({ error, where: directory, doing: 'Trying out' });
  } finally {
    await database.close();
  }
  const store = openLmdbStateStore({ directory });
  for (let partition = 0; partition < partitions; partition += 1) {
    try {
      await store.load(partition);
    } catch (error) {
      const isOfPartition = isCorruptState(error) && (error as Error).cause === undefined;
      if (!isOfPartition) throw error;
    }
  }
  await store.close();
}
