import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { preparePrivateApt } from './private-apt.ts';
import { runOrFail } from './run-command.ts';

/** Packages of this machine's own release, unpacked and not installed. */
export interface UnpackedPackages {
  /** Where they lie as they would below `/`: `usr/bin/redis-server`. */
  readonly root: string;
  /** What their programs need to find the libraries that came with them. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Unpacks a package of this machine's own release and everything it needs that is not installed
 * here, into `work`: nothing is installed, no user is made, and no root is needed.
 */
export async function unpackDebianPackages(
  params: Readonly<{ work: string; packages: readonly string[] }>,
): Promise<void> {
  const { work, packages } = params;
  const apt = await preparePrivateApt(work, 'own');
  await apt('update');
  // As if to install them: apt adds what they depend on and leaves out what is there already.
  await apt('install', '--download-only', '--yes', '--no-install-recommends', ...packages);
  const archives = join(work, 'apt', 'cache', 'archives');
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const file of files) {
    await runOrFail({ file: 'dpkg-deb', args: ['-x', join(archives, file), work] });
  }
  await rm(join(work, 'apt'), { recursive: true });
}

/** What `unpackDebianPackages` left in `root`, wherever that was moved to since. */
export async function unpackedPackages(root: string): Promise<UnpackedPackages> {
  const triplets = await readdir(join(root, 'usr', 'lib')).catch((error: unknown) => {
    // Packages without any library.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const places = triplets
    .filter((name) => name.includes('-linux-'))
    .flatMap((name) => [join(root, 'usr', 'lib', name), join(root, 'lib', name)]);
  return { root, env: { LD_LIBRARY_PATH: places.join(':') } };
}
