import type { PostgresConnection } from '../../postgres-connection.ts';
import { runQuery } from '../connection/run-query.ts';

/** The schema as text, the same on every server: columns, keys, indexes, views, functions. */
export async function describeSchema(connection: PostgresConnection): Promise<string> {
  const sections = await Promise.all(
    SECTIONS.map(async ([title, sql]) => {
      const rows = (await runQuery(connection, sql)).rows as [string][];
      return `== ${title}\n${rows.map(([line]) => line).join('\n')}\n`;
    }),
  );
  return sections.join('\n');
}

const IN_SCHEMA = "n.nspname = 'public'";

const SECTIONS: readonly (readonly [title: string, sql: string])[] = [
  [
    'columns',
    `SELECT format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
       coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE ${IN_SCHEMA} AND c.relkind IN ('r', 'p', 'v', 'c')
     ORDER BY c.relname COLLATE "C", a.attnum`,
  ],
  [
    'partitioned by',
    `SELECT format('%s %s', c.relname, pg_get_partkeydef(c.oid))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${IN_SCHEMA} AND c.relkind = 'p' ORDER BY c.relname COLLATE "C"`,
  ],
  [
    'constraints',
    `SELECT format('%s %s', c.conrelid::regclass, pg_get_constraintdef(c.oid))
     FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
     WHERE ${IN_SCHEMA} AND c.contype <> 'n' ORDER BY 1`,
  ],
  [
    'indexes',
    `SELECT pg_get_indexdef(i.indexrelid)
     FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${IN_SCHEMA} ORDER BY 1`,
  ],
  [
    'storage',
    `SELECT format('%s (%s)', c.relname, array_to_string(c.reloptions, ', '))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${IN_SCHEMA} AND c.reloptions IS NOT NULL ORDER BY c.relname COLLATE "C"`,
  ],
  [
    'functions',
    `SELECT format('%s(%s) returns %s %s', p.proname, pg_get_function_identity_arguments(p.oid),
       pg_get_function_result(p.oid), CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE l.lanname END)
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     JOIN pg_language l ON l.oid = p.prolang
     WHERE ${IN_SCHEMA} AND NOT EXISTS (SELECT FROM pg_depend e
       WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
     ORDER BY 1`,
  ],
];
