import { readFileSync } from 'node:fs';
import { isServiceLink } from './service-link.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a setting was said, and what. */
export interface SettingSource {
  readonly variable: string;
  readonly source: 'environment' | 'file';
  readonly text: string;
}

/** What a variable is called that names a file with the value: `DATABASE_URL_FILE`. */
export const fileVariableOf = (variable: string): string => `${variable}_FILE`;

const FILE_BYTES_MAX = 65_536;

/**
 * What the first of these variables says. A secret may be in a file as well, as container platforms
 * give them out: the variable with `_FILE` names it, and the newline at its end does not count.
 * An empty variable counts as absent, and so does what Kubernetes set there. What is wrong is
 * added to `problems`.
 */
export function findSetting(
  environment: Environment,
  variables: readonly string[],
  { isSecret, problems }: Readonly<{ isSecret: boolean; problems: string[] }>,
): SettingSource | undefined {
  for (const variable of variables) {
    const text = presentText(environment, variable);
    const fileVariable = fileVariableOf(variable);
    const file = isSecret ? presentText(environment, fileVariable) : undefined;
    if (text !== undefined && file !== undefined) {
      problems.push(`${variable} and ${fileVariable} are both set: only one of them can count.`);
    }
    if (text !== undefined) return { variable, source: 'environment', text };
    if (file === undefined) continue;
    const read = readSecret(file);
    if ('problem' in read) problems.push(`${fileVariable}: ${file} ${read.problem}.`);
    return { variable: fileVariable, source: 'file', text: 'text' in read ? read.text : '' };
  }
  return undefined;
}

function presentText(environment: Environment, variable: string): string | undefined {
  const text = environment[variable];
  return text === '' || isServiceLink(variable, text) ? undefined : text;
}

function readSecret(file: string): { text: string } | { problem: string } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `cannot be read (${code ?? String(error)})` };
  }
  if (bytes.length > FILE_BYTES_MAX) return { problem: `has more than ${FILE_BYTES_MAX} bytes` };
  const text = bytes.toString('utf8').replace(/\r?\n$/, '');
  return text === '' ? { problem: 'is empty' } : { text };
}
