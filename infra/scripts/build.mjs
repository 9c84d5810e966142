import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { root, runInForeground, say, secondsSince, StepError } from './step.mjs';

/**
 * Compiles a project and what it references, unless the last build saw the very same files. That
 * is decided by looking at names, sizes and times only: starting the compiler to hear that there
 * is nothing to do would take longer than everything else in a start.
 */
export function ensureBuilt(project) {
  const stamp = join(root, 'node_modules', '.millrace', `built-${project.replaceAll('/', '-')}`);
  const projects = withReferences(project);
  const digest = digestOfSources(projects);
  if (isBuilt(projects) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  say(`Building ${project}.`);
  const startMs = performance.now();
  rmSync(stamp, { force: true });
  const code = runInForeground(process.execPath, [tsc, '-b', project]);
  if (code !== 0) {
    throw new StepError(
      `The build failed; the compiler says why above. In a clean checkout that is a defect of ` +
        'ours: please report it. Otherwise correct the files it names and run the command again.',
    );
  }
  mkdirSync(join(stamp, '..'), { recursive: true });
  writeFileSync(stamp, digest);
  say(`Built in ${secondsSince(startMs)}.`);
}

/** The compiler's own script: runs with the Node that runs us, without a shell or npx between. */
export const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/** `project` and everything it references, as paths from the root. */
function withReferences(project) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    const config = JSON.parse(readFileSync(join(root, path, 'tsconfig.json'), 'utf8'));
    for (const reference of config.references ?? []) {
      visit(relative(root, join(root, path, reference.path)));
    }
  };
  visit(project);
  return [...found];
}

function isBuilt(projects) {
  return projects.every((path) => existsSync(join(root, path, 'dist', '.tsbuildinfo')));
}

function digestOfSources(projects) {
  const hash = createHash('sha256');
  const add = (path) => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`);
  };
  add(join(root, 'tsconfig.json'));
  for (const project of projects) {
    for (const path of filesBelow(join(root, project))) add(path);
  }
  return hash.digest('hex');
}

/** What the compiler may read of a project: its sources and the two files that configure it. */
function filesBelow(directory) {
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      return entry.name === 'dist' || entry.name === 'node_modules' ? [] : filesBelow(path);
    }
    return /(\.ts|^package\.json|^tsconfig\.json)$/.test(entry.name) ? [path] : [];
  });
}
