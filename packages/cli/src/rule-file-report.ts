import { RuleFileError } from '@millrace/single/running';
import type { ConsoleOutput } from './console-output.ts';

/** With `--json` the faults of a rule file are a result too, beside the lines for people. */
export async function tellingFaults<T>(
  output: ConsoleOutput,
  isJson: boolean,
  doing: () => Promise<T>,
): Promise<T> {
  try {
    return await doing();
  } catch (error) {
    if (isJson && error instanceof RuleFileError) {
      const { file, problems } = error;
      output.result(JSON.stringify({ ok: false, file, problems }, undefined, 2));
    }
    throw error;
  }
}
