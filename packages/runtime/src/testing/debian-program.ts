import { copyFile, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MissingService } from './missing-service.ts';
import { preparePrivateApt, whyNoApt } from './private-apt.ts';
import { runOrFail } from './run-command.ts';
import { findOnPath, type ProbedProgram } from './search-path.ts';
import { prepareOnce } from './test-cache.ts';

/** A program that Debian testing has as one file that needs no other. */
export interface DebianProgram extends ProbedProgram {
  readonly package: string;
}

/**
 * The program's path: from the search path when it is there, else out of the package, which is
 * fetched once and kept outside the repository. Nothing is installed and no root is needed. Tells
 * what is missing where that cannot be done.
 */
export async function findDebianProgram(wanted: DebianProgram): Promise<string | MissingService> {
  const onPath = await findOnPath(wanted);
  if (onPath !== undefined) return onPath;
  const whyNot = whyNoApt('testing');
  if (whyNot !== undefined) return missingProgram(wanted, whyNot);
  try {
    const { package: name, program } = wanted;
    const directory = await prepareOnce({
      // Of some packages several programs are wanted, and each is all that is kept of its copy.
      name: `debian-testing-${name === program ? name : `${name}-${program}`}`,
      make: (work) => fetchProgram(wanted, work),
    });
    return join(directory, wanted.program);
  } catch (error) {
    return missingProgram(wanted, error instanceof Error ? error.message : String(error));
  }
}

function missingProgram({ package: name, program }: DebianProgram, why: string): MissingService {
  return {
    what: program,
    why: `not on the search path, and not to be had from Debian testing: ${why}`,
    fix: `apt-get install debian-archive-keyring, or install ${name} so that ${program} is found`,
  };
}

async function fetchProgram(wanted: DebianProgram, work: string): Promise<void> {
  const startMs = performance.now();
  say(`Fetching ${wanted.package} from Debian testing, once, into ${work}.`);
  const apt = await preparePrivateApt(work, 'testing');
  await apt('update');
  say(`Lists of Debian testing read after ${secondsSince(startMs)}.`);
  await apt('download', wanted.package);
  const file = (await readdir(work)).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get download left no ${wanted.package}`);
  await runOrFail({ file: 'dpkg-deb', args: ['-x', file, 'files'], cwd: work });
  const program = join(work, wanted.program);
  await copyFile(join(work, 'files', 'usr', 'bin', wanted.program), program);
  const { output } = await runOrFail({ file: program, args: wanted.probe, cwd: work });
  if (!wanted.answer.test(output)) throw new Error(`${file} brings something else: ${output}`);
  // The program is all that is kept.
  for (const name of await readdir(work)) {
    if (name === wanted.program) continue;
    await rm(join(work, name), { recursive: true });
  }
  say(`${basename(file)} is ready after ${secondsSince(startMs)}.`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
