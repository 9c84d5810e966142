import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { LayoutName } from './storage-layout.ts';

/** Beside `src`, and at the same relative place from `dist`. */
const DIRECTORY = new URL('../../../sql/', import.meta.url);

export interface Migration {
  number: number;
  name: string;
  sql: string;
  /** SHA-256 of the text, as hex. */
  checksum: string;
}

/** `000001-tables.sql`, or one file for each layout: `000007-big-tables.hypertables.sql`. */
const MIGRATION = /^(\d{6})-([^.]+)(?:\.([^.]+))?\.sql$/;

/** The migrations of a layout in the order of their numbers, which run from 1 without a gap. */
export function readMigrations(layout: LayoutName): Migration[] {
  return readdirSync(DIRECTORY)
    .sort()
    .flatMap((file) => {
      const [, number, name, only] = MIGRATION.exec(file) ?? [];
      if (number === undefined || (only !== undefined && only !== layout)) return [];
      const sql = readFileSync(new URL(file, DIRECTORY), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return [{ number: Number(number), name: name!, sql, checksum }];
    });
}
