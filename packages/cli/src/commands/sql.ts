import type { Command } from 'commander';
import { MillraceError } from '@millrace/runtime';
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
    .argument(
      '[statement]',
      'the statement; quote it for your shell, or - to read it from standard input. None: what there is to ask',
    )
    .option('--json', 'print one JSON array of objects')
    .option('--write', 'allow changes; otherwise the transaction is read-only')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (statement: string | undefined, flags: SqlFlags) => {
      const connection = await storeConnection(context, flags.dataDir);
      const { relationsStatement, runQuery } = await import('@millrace/store/postgres');
      const asked = (await statementOf(statement, process.stdin)) ?? relationsStatement();
      const result = await runQuery(connection, asked, { write: flags.write === true });
      const { output } = context;
      if (flags.json === true) output.result(formatJson(result));
      else if (result.columns.length > 0) output.result(formatRows(result, output.colours));
      output.notice(formatCount(result));
    });
}

/** Nobody writes one that is longer; a file given by mistake is not read into memory. */
const STATEMENT_BYTES_MAX = 1024 * 1024;

/** What is to be asked: of `-` what comes on standard input; undefined: nothing was named. */
export async function statementOf(
  argument: string | undefined,
  input: AsyncIterable<Uint8Array | string>,
): Promise<string | undefined> {
  if (argument === undefined) return undefined;
  const statement = (argument === '-' ? await readText(input) : argument).trim();
  // An empty variable of a script is no wish to see what there is.
  if (statement === '') throw noStatement(argument === '-' ? 'Standard input' : 'The statement');
  return statement;
}

async function readText(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > STATEMENT_BYTES_MAX) throw statementTooLong();
  }
  return Buffer.concat(chunks).toString('utf8');
}

function statementTooLong(): MillraceError {
  return new MillraceError({
    code: 'SQL_INPUT',
    kind: 'permanent',
    message: `Standard input has more than ${STATEMENT_BYTES_MAX} bytes. Nothing was asked.`,
    remedy: 'Give one statement; old samples are sent with "millrace backfill".',
  });
}

function noStatement(what: string): MillraceError {
  return new MillraceError({
    code: 'SQL_INPUT',
    kind: 'permanent',
    message: `${what} is empty. Nothing was asked.`,
    remedy:
      'Give one, as in: millrace sql - < query.sql; without any, it lists what there is to ask.',
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
