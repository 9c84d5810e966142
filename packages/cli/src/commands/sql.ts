import type { Command } from 'commander';
import { MillraceError, optionalText, readSetting } from '@millrace/runtime';
import type { RunFile } from '@millrace/single/running';
import type { PostgresConnection } from '@millrace/store';
import type { QueryResult, QueryValue } from '@millrace/store/postgres';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import type { Colours } from '../console-output.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { findRunning } from '../running-single.ts';
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
      const connection = await connectionFor(context, flags.dataDir);
      const { runQuery } = await import('@millrace/store/postgres');
      const result = await runQuery(connection, statement, { write: flags.write === true });
      const { output } = context;
      if (flags.json === true) output.result(formatJson(result));
      else if (result.columns.length > 0) output.result(formatRows(result, output.colours));
      output.notice(formatCount(result));
    });
}

/** Of a cluster the database that the environment names, else that of the running process. */
async function connectionFor(
  context: CliContext,
  dataDir: string | undefined,
): Promise<PostgresConnection> {
  const { environment } = context;
  const isShared = dataDir === undefined && isDistributed(environment);
  if (!isShared) return connectionOf(await findRunning(dataDirOf(context, dataDir)), environment);
  const url = storeUrl(environment);
  if (url !== undefined) return { url };
  throw new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: 'KAFKA_BROKERS speaks of a cluster, and it is not said which database that stores in.',
    remedy: 'Set DATABASE_URL, or name the data directory of a process with --data-dir.',
  });
}

function storeUrl(environment: CliContext['environment']): string | undefined {
  const setting = { ...optionalText({ aliases: ['DATABASE_URL'], help: '' }), secret: true };
  return readSetting(['store', 'url'], setting, environment);
}

/** The socket that `run.json` names, or the URL that the process was started with as well. */
export function connectionOf(
  run: RunFile,
  environment: CliContext['environment'],
): PostgresConnection {
  if (run.store.kind === 'embedded') {
    const { host, port, user, database } = run.store;
    return { host, port, user, database };
  }
  const url = storeUrl(environment);
  if (url !== undefined) return { url };
  throw new MillraceError({
    code: 'CONFIG_STORE_URL',
    kind: 'permanent',
    message: `Process ${run.pid} uses a PostgreSQL of your own, and its URL is not written down.`,
    remedy: 'Set DATABASE_URL to the same URL here.',
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
