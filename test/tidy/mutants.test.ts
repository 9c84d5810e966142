import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patched } from '../sim/mutants/mutant.ts';
import { MUTANTS } from '../sim/mutants/mutants.ts';
import { rootDirectory } from './tree.ts';

test('every mutant breaks what is there once, so that none is out of date unnoticed', () => {
  const patches = MUTANTS.flatMap((mutant) => mutant.patches);
  const outOfDate = patches.flatMap((patch) => {
    const path = join(rootDirectory, patch.file);
    if (!existsSync(path)) return [`${patch.file} is not there`];
    const code = readFileSync(path, 'utf8');
    try {
      patched(code, [patch]);
      return [];
    } catch (error) {
      return [String(error)];
    }
  });
  expect(patches.length).toBeGreaterThan(0);
  expect(outOfDate).toEqual([]);
});
