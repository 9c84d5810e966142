import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { fail, root, StepError } from './step.mjs';

/**
 * Installs and builds what is needed, then becomes the built program: it runs in this very
 * process, so that signals and exit codes are its own and nothing stands between.
 */
export async function runBuilt({ project, entry, args }) {
  const path = join(root, entry);
  try {
    ensureInstalled();
    ensureBuilt(project);
    if (!existsSync(path)) throw new StepError(`The build did not make ${entry}.`);
  } catch (error) {
    fail(error);
  }
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
}
