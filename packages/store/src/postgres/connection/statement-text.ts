import { readFileSync } from 'node:fs';

/** Beside `src`, and at the same relative place from `dist`. */
const DIRECTORY = new URL('../../../sql/statements/', import.meta.url);

const texts = new Map<string, string>();

/** Where a text stands in another one, written as psql writes it. */
const INCLUDED = /^\\ir (\S+)\.sql\n/gm;

/** The text of `sql/statements/NAME.sql`, with those that it includes, read once. */
export function statementText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    const own = readFileSync(new URL(`${name}.sql`, DIRECTORY), 'utf8');
    text = own.replace(INCLUDED, (_, part: string) => statementText(part));
    texts.set(name, text);
  }
  return text;
}
