import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  preparePrivateApt,
  prepareOnce,
  runOrFail,
  whyNoApt,
  type MissingService,
  type PrivateApt,
} from '@millrace/runtime/testing';

/** Raised when what lies in the cache is laid out in another way than before. */
const CACHE_NAME = 'debian-testing-timescaledb-1';
const PROGRAMS = ['postgres', 'initdb'] as const;
const TIME_ZONES = '/usr/share/zoneinfo/UTC';

/**
 * A directory with PostgreSQL and TimescaleDB (the Apache edition) as Debian testing has them, and
 * every library they need down to libc: they run on any Debian as they are, without root, without
 * being installed and without a chroot. `postgresDirectory` finds the programs in it.
 *
 * The first call fetches about 30 MB. Tells what is missing where that cannot be done.
 */
export async function findTimescalePrograms(): Promise<string | MissingService> {
  const whyNot = whyNoApt('testing');
  if (whyNot !== undefined) return missingTimescale(whyNot);
  if (!existsSync(TIME_ZONES)) {
    return missingTimescale(`${TIME_ZONES} is missing`, 'apt-get install tzdata');
  }
  try {
    return await prepareOnce({ name: CACHE_NAME, make: unpackTimescale });
  } catch (error) {
    return missingTimescale(error instanceof Error ? error.message : String(error));
  }
}

/** Where `postgres` and `initdb` lie in such a directory, or in a copy of it. */
export async function postgresDirectory(root: string): Promise<string> {
  const [version] = await readdir(join(root, 'usr', 'lib', 'postgresql'));
  return join(root, 'usr', 'lib', 'postgresql', version!, 'bin');
}

function missingTimescale(
  why: string,
  fix = 'apt-get install debian-archive-keyring, or set TIMESCALE_URL to a server for tests',
): MissingService {
  return { what: 'TimescaleDB', why: `no TIMESCALE_URL, nor from Debian testing: ${why}`, fix };
}

async function unpackTimescale(work: string): Promise<void> {
  const apt = await preparePrivateApt(work, 'testing');
  await apt('update');
  const archives = join(work, 'archives');
  await mkdir(archives);
  const packages = await withLibraries(apt, await timescalePackages(apt));
  await apt('download', '-o', `Dir::Cache::Archives=${archives}`, ...packages);
  for (const name of await readdir(work)) {
    if (!name.endsWith('.deb')) continue;
    await runOrFail({ file: 'dpkg-deb', args: ['-x', name, work], cwd: work });
    await rm(join(work, name));
  }
  for (const name of ['apt', 'archives', 'etc', 'usr/share/doc', 'usr/share/locale']) {
    await rm(join(work, name), { recursive: true, force: true });
  }
  await bindLibraries(work);
}

/** The newest PostgreSQL that testing has TimescaleDB for. */
async function timescalePackages(apt: PrivateApt): Promise<string[]> {
  const found = await apt.ask('search', '--names-only', '^postgresql-[0-9]+-timescaledb$');
  const versions = [...found.matchAll(/^postgresql-(\d+)-timescaledb /gm)].map(([, v]) =>
    Number(v),
  );
  if (versions.length === 0) throw new Error('there is no postgresql-N-timescaledb');
  const version = Math.max(...versions);
  return [`postgresql-${version}-timescaledb`, `postgresql-${version}`];
}

/** What packages need to run, but for what is only there to install and to configure them. */
async function withLibraries(apt: PrivateApt, packages: readonly string[]): Promise<string[]> {
  const all = new Set(packages);
  for (let last = [...packages]; last.length > 0;) {
    const leftOut = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
    const text = await apt.ask('depends', ...leftOut.map((kind) => `--no-${kind}`), ...last);
    const named = [...text.matchAll(/^ .*Depends: (lib\S+)$/gm)].map(([, name]) => name!);
    last = [...new Set(named)].filter((name) => !all.has(name));
    for (const name of last) all.add(name);
  }
  return [...all];
}

/** In place of each program a script that runs it with the libc and the libraries beside it. */
async function bindLibraries(root: string): Promise<void> {
  const [triplet] = (await readdir(join(root, 'usr', 'lib'))).filter((name) =>
    name.includes('-linux-'),
  );
  const libraries = join('usr', 'lib', triplet!);
  const loader = (await readdir(join(root, libraries))).find((name) =>
    /^ld-linux.*\.so/.test(name),
  );
  if (loader === undefined) throw new Error(`libc6 brought no loader into ${libraries}`);
  const bin = await postgresDirectory(root);
  for (const program of PROGRAMS) {
    const path = join(bin, program);
    await rename(path, `${path}.program`);
    const script = [
      '#!/bin/sh',
      'here=$(dirname "$0")',
      `libraries=$here/../../../../../${libraries}`,
      // PostgreSQL finds its other files by the name under which it was called.
      `exec "$libraries/${loader}" --library-path "$libraries" --argv0 "$here/${program}" \\`,
      `  "$here/${program}.program" "$@"`,
    ];
    await writeFile(path, `${script.join('\n')}\n`);
    await chmod(path, 0o755);
    await runOrFail({ file: path, args: ['--version'] });
  }
}
