import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runInForeground, say, secondsSince, StepError } from './step.mjs';

/**
 * Installs exactly what the lockfile names, without install scripts, and only when what is there
 * differs from it. Includes what building needs.
 */
export function ensureInstalled() {
  const reason = installReason(root);
  if (reason === undefined) return;
  say(`Installing dependencies (${reason}); nothing outside this directory is changed.`);
  const startMs = performance.now();
  const [file, ...args] = npm();
  const options = [
    '--ignore-scripts',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const code = runInForeground(file, [...args, 'ci', ...options]);
  if (code !== 0) {
    throw new StepError(
      `npm ci failed with exit code ${code}; npm says why above. Without a way to a package ` +
        'registry it cannot work: check the network, and `npm config get registry` and ' +
        '`npm config get proxy`. Then run the same command again.',
    );
  }
  say(`Dependencies installed in ${secondsSince(startMs)}.`);
}

/** Why an install is needed, or undefined: compares what npm recorded with what is wanted. */
export function installReason(directory) {
  const recorded = join(directory, 'node_modules', '.package-lock.json');
  if (!existsSync(join(directory, 'node_modules'))) return 'first start';
  // npm writes its record last, so an interrupted install has none.
  if (!existsSync(recorded)) return 'the last install was interrupted';
  const wanted = readPackages(join(directory, 'package-lock.json'));
  const present = readPackages(recorded);
  for (const [path, want] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/')) continue;
    const have = present[path];
    // Packages for other platforms are wanted by the lockfile and rightly absent.
    if (have === undefined && want.optional === true) continue;
    if (have === undefined) return `${path.slice('node_modules/'.length)} is missing`;
    if (have.version !== want.version || have.integrity !== want.integrity) {
      return `${path.slice('node_modules/'.length)} changed`;
    }
  }
  return undefined;
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch (error) {
    throw new StepError(`Could not read ${path}: ${error.message}`);
  }
}

/** The npm that runs us, else the one on the path. */
function npm() {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('npm-cli.js') ? [process.execPath, cli] : ['npm'];
}
