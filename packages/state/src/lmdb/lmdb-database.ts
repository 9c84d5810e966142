import { open, type RootDatabase } from 'lmdb';

/** The environment in a directory that is there. */
export function openLmdbDatabase(directory: string): RootDatabase<Uint8Array, Uint8Array> {
  return open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    useVersions: true,
    cache: false,
    // A commit resolves when it is flushed, not when it is visible.
    overlappingSync: false,
    // With it, a commit that fails leaves a second promise behind that nobody can catch.
    eventTurnBatching: false,
  });
}
