import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

/** Beside `src`, and at the same relative place from `dist`. */
const DIRECTORY = new URL('../../sql/', import.meta.url);

export interface Migration {
  number: number;
  name: string;
  sql: string;
  /** SHA-256 of the text, as hex. */
  checksum: string;
}

/** All migrations in the order of their numbers, which run from 1 without a gap. */
export function readMigrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => /^\d{6}-.*\.sql$/.test(name))
    .sort()
    .map((name) => {
      const sql = readFileSync(new URL(name, DIRECTORY), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { number: Number(name.slice(0, 6)), name: name.slice(7, -4), sql, checksum };
    });
}

const texts = new Map<string, string>();

/** The text of `sql/statements/NAME.sql`, read once. */
export function statementText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    text = readFileSync(new URL(`statements/${name}.sql`, DIRECTORY), 'utf8');
    texts.set(name, text);
  }
  return text;
}
