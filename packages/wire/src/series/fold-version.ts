/**
 * The ways of folding this program has, the current one last. There is a new one when the same
 * records would give other entries; the log's barriers say which one is in force. The one before
 * stays for a release, and the golden logs prove that it gives what it gave.
 *
 *   1  the first
 *   2  counts what the log has lost, and tells which rule dropped what
 *   3  late pieces of roll-ups wait for the samples that follow
 */
export const FOLD_VERSIONS: readonly number[] = [1, 2, 3];

/** The one that new logs ask for. */
export const FOLD_VERSION: number = FOLD_VERSIONS.at(-1)!;

/** Whether the ledger tells what was lost, and the reasons. */
export function tellsReasons(foldVersion: number): boolean {
  return foldVersion >= 2;
}

/**
 * How long a late piece of a roll-up waits for more of its window, in partition time since the last
 * sample. Of fold version 3.
 */
export const LATE_RETAIN_US = 10_000_000;

/** Whether a late piece of a roll-up waits, or is put out in the second after it was opened. */
export function waitsForLate(foldVersion: number): boolean {
  return foldVersion >= 3;
}
