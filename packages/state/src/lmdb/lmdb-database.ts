import { open, type RootDatabase } from 'lmdb';
import { lostState } from '../state-error.ts';
import { checkLmdbFile, hasLmdbFile } from './lmdb-file.ts';
import { trialKey } from './lmdb-layout.ts';

/**
 * Addresses, no memory. When its file outgrows the map, LMDB maps all of it anew and keeps the map
 * before, as readers may be in it: of the same pages each is counted to the process again.
 */
const MAP_BYTES = 2 ** 36;

/**
 * LMDB ends the process when the list of free pages has never had an entry and a transaction frees
 * very many, unless the process made the file: it looks for the last entry of a list that it is
 * just making. Each transaction but the first one leaves an entry; that one has the number 2.
 */
const TRANSACTION_MIN = 3;

/** The environment in a directory that is there. Throws when its file is none of LMDB's. */
export function openLmdbDatabase(directory: string): RootDatabase<Uint8Array, Uint8Array> {
  const newest = checkLmdbFile(directory);
  const database = openFile(directory);
  if (newest < TRANSACTION_MIN) {
    database.putSync(trialKey(), new Uint8Array(0), 0);
    database.removeSync(trialKey());
  }
  return database;
}

/** One that was there. Throws when it is not any more: LMDB would make an empty one. */
export function reopenLmdbDatabase(directory: string): RootDatabase<Uint8Array, Uint8Array> {
  if (!hasLmdbFile(directory)) throw lostState(directory);
  return openLmdbDatabase(directory);
}

function openFile(directory: string): RootDatabase<Uint8Array, Uint8Array> {
  return open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    useVersions: true,
    cache: false,
    // Pages of a state are some kilobytes: in these several share one. Of more than half of one
    // LMDB would use whole ones, side by side, which it finds too few of when they are freed and
    // taken again: its file grew, and so did the process, which maps it. Of a file that is there
    // its own size counts.
    pageSize: 16_384,
    mapSize: MAP_BYTES,
    // A commit resolves when it is flushed, not when it is visible.
    overlappingSync: false,
    // With it, a commit that fails leaves a second promise behind that nobody can catch.
    eventTurnBatching: false,
  });
}
