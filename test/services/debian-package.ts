import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockDirectory, MillraceError, type DirectoryLock } from '@millrace/runtime';
import type { MissingService } from '@millrace/runtime/testing';

/** A program that Debian testing has and that runs without being installed. */
export interface DebianProgram {
  readonly package: string;
  readonly program: string;
  /** Arguments that make it tell what it is. */
  readonly probe: readonly string[];
  /** What it then has to say: an older one on the search path is passed over. */
  readonly answer: RegExp;
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const COMMAND_MS_MAX = 3 * 60_000;
const LOCK_POLL_MS = 250;

/**
 * The program's path: from the search path when it is there, else out of the package, which is
 * fetched once and kept outside the repository. Nothing is installed and no root is needed: apt
 * works with lists of its own (its signatures are checked as always), and only the one file is
 * taken out. Tells what is missing where that cannot be done.
 */
export async function findDebianProgram(wanted: DebianProgram): Promise<string | MissingService> {
  const onPath = await findOnPath(wanted);
  if (onPath !== undefined) return onPath;
  const directory = join(cacheDirectory(), 'debian-testing');
  const path = join(directory, wanted.program);
  if (existsSync(path)) return path;
  const missing = whyNoPackages(wanted);
  if (missing !== undefined) return missing;
  await mkdir(directory, { recursive: true });
  const lock = await waitForLock(directory);
  try {
    // Another process may have made it while we waited.
    if (!existsSync(path)) await fetchProgram(wanted, directory);
    return path;
  } catch (error) {
    return missingProgram(wanted, error instanceof Error ? error.message : String(error));
  } finally {
    await lock.release();
  }
}

/** Where tests keep what they fetched: outside the repository, so that clones share it. */
function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(
    base === undefined || base === '' ? join(homedir(), '.cache') : base,
    'millrace-test',
  );
}

async function findOnPath({ program, probe, answer }: DebianProgram): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, program);
    if (!isExecutable(path)) continue;
    const { output } = await run(path, probe);
    if (answer.test(output)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function whyNoPackages(wanted: DebianProgram): MissingService | undefined {
  if (!existsSync('/usr/bin/apt-get')) return missingProgram(wanted, 'there is no apt-get');
  if (!existsSync(KEYRING)) return missingProgram(wanted, `${KEYRING} is missing`);
  return undefined;
}

function missingProgram({ package: name, program }: DebianProgram, why: string): MissingService {
  return {
    what: program,
    why: `not on the search path, and not to be had from Debian testing: ${why}`,
    fix: `apt-get install debian-archive-keyring, or install ${name} so that ${program} is found`,
  };
}

async function waitForLock(directory: string): Promise<DirectoryLock> {
  const deadlineMs = performance.now() + COMMAND_MS_MAX;
  for (;;) {
    try {
      return await lockDirectory(directory);
    } catch (error) {
      const isHeld = error instanceof MillraceError && error.code === 'DATA_DIR_IN_USE';
      if (!isHeld || performance.now() > deadlineMs) throw error;
      await sleep(LOCK_POLL_MS);
    }
  }
}

/** Makes everything beside its place and moves the program there last: it is whole or absent. */
async function fetchProgram(wanted: DebianProgram, directory: string): Promise<void> {
  const startMs = performance.now();
  say(`Fetching ${wanted.package} from Debian testing, once, into ${directory}.`);
  const work = await mkdtemp(join(directory, 'partial-'));
  try {
    const apt = await prepareApt(work);
    await apt('update');
    say(`Lists of Debian testing read after ${secondsSince(startMs)}.`);
    await apt('download', wanted.package);
    const file = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download left no ${wanted.package}`);
    await runOrFail('dpkg-deb', ['-x', file, 'root'], work);
    const program = join(work, wanted.program);
    await copyFile(join(work, 'root', 'usr', 'bin', wanted.program), program);
    const { output } = await runOrFail(program, wanted.probe, work);
    if (!wanted.answer.test(output)) throw new Error(`${file} brings something else: ${output}`);
    await rename(program, join(directory, wanted.program));
    say(`${basename(file)} is ready after ${secondsSince(startMs)}.`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** An apt-get that knows Debian testing alone and touches nothing outside of `work`. */
async function prepareApt(work: string): Promise<(...args: string[]) => Promise<void>> {
  const mirror = await findMirror();
  for (const name of ['state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(work, 'apt', name), { recursive: true });
  }
  const sources = join(work, 'apt', 'sources.list');
  const status = join(work, 'apt', 'status');
  await writeFile(status, '');
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${mirror} testing main\n`);
  const options = {
    'Dir::State': join(work, 'apt', 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(work, 'apt', 'cache'),
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::http::Timeout': '20',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // As root, apt would fetch as a user who may not write here.
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return async (...args) => {
    await runOrFail('apt-get', ['-qq', ...flags, ...args], work);
  };
}

/** The mirror that this machine is set up with. */
async function findMirror(): Promise<string> {
  const { output } = await runOrFail('apt-get', ['indextargets', '--format', '$(SITE)'], '/');
  const site = output.split('\n').find((line) => line !== '' && !line.includes('security'));
  if (site === undefined) throw new Error('no mirror is set up (apt-get indextargets)');
  return site;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function runOrFail(file: string, args: readonly string[], cwd: string): Promise<Ended> {
  const ended = await run(file, args, cwd);
  if (ended.code === 0) return ended;
  throw new Error(`${basename(file)} failed (${ended.code}): ${ended.output.trim().slice(-500)}`);
}

function run(file: string, args: readonly string[], cwd = '/'): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      timeout: COMMAND_MS_MAX,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
