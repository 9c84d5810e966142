import type { ConsoleOutput } from './console-output.ts';

/** What every command is given. */
export interface CliContext {
  output: ConsoleOutput;
  environment: Readonly<Record<string, string | undefined>>;
  /** How a person calls this program: `millrace`, or `npx millrace` in a clone. */
  program: string;
}

/** The data directory by flag or environment; undefined: the usual one. */
export function dataDirOf(context: CliContext, flag: string | undefined): string | undefined {
  if (flag !== undefined) return flag;
  const variable = context.environment['MILLRACE_DATA_DIR'];
  return variable === undefined || variable === '' ? undefined : variable;
}
