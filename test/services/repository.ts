import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, from the sources as well as from what is built of them. */
export const repositoryRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The built command: what a user runs. */
export const millraceMain: string = join(repositoryRoot, 'packages', 'cli', 'dist', 'main.js');

function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package-lock.json'))) return directory;
  return findRoot(dirname(directory));
}
