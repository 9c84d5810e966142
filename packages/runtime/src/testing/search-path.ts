import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './run-command.ts';

/** How a program is recognised. */
export interface ProbedProgram {
  readonly program: string;
  /** Arguments that make it tell what it is. */
  readonly probe: readonly string[];
  /** What it then has to say: an older one on the search path is passed over. */
  readonly answer: RegExp;
}

/** The first such program on the search path that answers as it should. */
export async function findOnPath(wanted: ProbedProgram): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, wanted.program);
    if (!isExecutable(path)) continue;
    const { output } = await runCommand({ file: path, args: wanted.probe });
    if (wanted.answer.test(output)) return path;
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
