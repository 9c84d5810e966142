import { readFileSync } from 'node:fs';

/** Beside `src`, and at the same relative place from `dist`. */
const DIRECTORY = new URL('../../../sql/statements/', import.meta.url);

const texts = new Map<string, string>();

/** The text of `sql/statements/NAME.sql`, read once. */
export function statementText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    text = readFileSync(new URL(`${name}.sql`, DIRECTORY), 'utf8');
    texts.set(name, text);
  }
  return text;
}
