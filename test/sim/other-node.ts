import { join } from 'node:path';
import { prepareOnce, runOrFail, type MissingService } from '@millrace/runtime/testing';

export interface OtherNode {
  path: string;
  version: string;
}

/** The Node that a release has to work with beside this one: by npm, once, outside the tree. */
export async function findOtherNode(): Promise<OtherNode | MissingService> {
  const [own = 0] = process.versions.node.split('.').map(Number);
  const major = own >= 24 ? 20 : 24;
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const directory = await prepareOnce({
      name: `${name}-${major}`,
      make: async (work) => {
        const options = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit'];
        const args = ['install', ...options, '--prefix', work, `${name}@${major}`];
        await runOrFail({ file: 'npm', args, cwd: work });
      },
    });
    const path = join(directory, 'node_modules', name, 'bin', 'node');
    const { output } = await runOrFail({ file: path, args: ['--version'] });
    return { path, version: output.trim() };
  } catch (error) {
    return {
      what: `Node ${major}`,
      why: error instanceof Error ? error.message : String(error),
      fix: `make npm able to fetch ${name}@${major}`,
    };
  }
}
