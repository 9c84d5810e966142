import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown, type Plugin } from 'rolldown';
import { patched, type Mutant } from './mutants/mutant.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The simulator and all production sources it runs as one file, with or without a mutant in them.
 * It lies where packages from elsewhere are found.
 */
export async function bundleSimulation(name: string, mutant?: Mutant): Promise<string> {
  const directory = join(root, 'node_modules', '.cache', 'millrace-sim', String(process.pid));
  await mkdir(directory, { recursive: true });
  const file = join(directory, `${name}.mjs`);
  const missed = new Set(mutant?.patches);
  const patching: Plugin = {
    name: 'mutant',
    transform: (code, id) => {
      const patches = mutant?.patches.filter((patch) => id === join(root, patch.file)) ?? [];
      for (const patch of patches) missed.delete(patch);
      // Files beside a source lie where they lay.
      const here = JSON.stringify(pathToFileURL(id).href);
      return patched(code, patches).replaceAll('import.meta.url', here);
    },
  };
  const bundle = await rolldown({
    input: join(root, 'test', 'sim', 'sim-main.ts'),
    platform: 'node',
    resolve: { conditionNames: ['@millrace/source', 'node', 'import', 'default'] },
    external: (id) => !/^[./\0]|^@millrace\//.test(id),
    plugins: [patching],
  });
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  const [patch] = missed;
  if (patch !== undefined) throw new Error(`${patch.file} is not part of the simulation`);
  return file;
}
