import type { Command } from 'commander';
import type { QueryResult, QueryValue } from '@millrace/store/postgres';
import type { CliContext } from '../cli-context.ts';
import type { Colours } from '../console-output.ts';
import { storeConnection } from '../store-connection.ts';
import { formatTable } from '../text-table.ts';

interface SqlFlags {
  json?: boolean;
  write?: boolean;
  dataDir?: string;
}

export function addSqlCommand(program: Command, context: CliContext): void {
  program
    .command('sql')
    .description(
      'run one SQL statement in the store of the running process; with KAFKA_BROKERS, in DATABASE_URL',
    )
    .argument('<statement>', 'the statement; quote it for your shell')
    .option('--json', 'print one JSON array of objects')
    .option('--write', 'allow changes; otherwise the transaction is read-only')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (statement: string, flags: SqlFlags) => {
      const connection = await storeConnection(context, flags.dataDir);
      const { runQuery } = await import('@millrace/store/postgres');
      const result = await runQuery(connection, statement, { write: flags.write === true });
      const { output } = context;
      if (flags.json === true) output.result(formatJson(result));
      else if (result.columns.length > 0) output.result(formatRows(result, output.colours));
      output.notice(formatCount(result));
    });
}

/** One object for each row; columns of the same name, which SQL allows, get a number. */
export function formatJson({ columns, rows }: QueryResult): string {
  const names = columns.map((name, i) => {
    const before = columns.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : `${name}_${before + 1}`;
  });
  const objects = rows.map((row) =>
    JSON.stringify(Object.fromEntries(row.map((value, i) => [names[i], value]))),
  );
  return objects.length === 0 ? '[]' : `[\n  ${objects.join(',\n  ')}\n]`;
}

export function formatRows({ columns, rows }: QueryResult, colours: Colours): string {
  const titles = columns.map((title, i) => ({
    title,
    align: rows.some((row) => typeof row[i] === 'number') ? ('right' as const) : ('left' as const),
  }));
  return formatTable(
    titles,
    rows.map((row) => row.map(formatValue)),
    colours,
  );
}

function formatValue(value: QueryValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function formatCount({ command, count, truncated }: QueryResult): string {
  const rows = `${count} ${count === 1 ? 'row' : 'rows'}`;
  if (truncated) return `${rows}, and there are more: add LIMIT or a narrower condition.`;
  return command === 'SELECT' ? rows : `${command}, ${rows}`;
}
