/**
 * The ways of folding this program has, the current one last. There is a new one when the same
 * records would give other entries; the log's barriers say which one is in force. The one before
 * stays for a release, and the golden logs prove that it gives what it gave.
 */
export const FOLD_VERSIONS: readonly number[] = [1];

/** The one that new logs, and rules that are applied, ask for. */
export const FOLD_VERSION: number = FOLD_VERSIONS.at(-1)!;
