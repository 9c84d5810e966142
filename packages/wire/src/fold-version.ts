/**
 * The ways of folding this program has, the current one last. There is a new one when the same
 * records would give other entries; the log's barriers say which one is in force. The one before
 * stays for a release, and the golden logs prove that it gives what it gave.
 *
 *   1  the first
 *   2  counts what the log has lost, and tells which rule dropped what
 */
export const FOLD_VERSIONS: readonly number[] = [1, 2];

/** The one that new logs ask for. */
export const FOLD_VERSION: number = FOLD_VERSIONS.at(-1)!;

/** Whether the ledger tells what was lost, and the reasons. */
export function tellsReasons(foldVersion: number): boolean {
  return foldVersion >= 2;
}
