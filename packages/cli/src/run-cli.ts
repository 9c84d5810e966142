import { Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes, nearestWord, type ExitCode } from '@millrace/runtime';
import { version } from '@millrace/single/running';
import type { CliContext } from './cli-context.ts';
import { addArchiveCommand } from './commands/archive.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addBackfillCommand } from './commands/backfill.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addCheckpointCommand } from './commands/checkpoint.ts';
import { addConfigCommand } from './commands/config.ts';
import { addDeadCommand } from './commands/dead.ts';
import { addEditionCommand } from './commands/edition.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addHealthCommand } from './commands/health.ts';
import { addLagCommand } from './commands/lag.ts';
import { addLedgerCommand } from './commands/ledger.ts';
import { addPreviewCommand } from './commands/preview.ts';
import { addReprocessCommand } from './commands/reprocess.ts';
import { addRetentionCommand } from './commands/retention.ts';
import { addRulesCommand } from './commands/rules.ts';
import { addRunCommand } from './commands/run.ts';
import { addSetupCommand } from './commands/setup.ts';
import { addSqlCommand } from './commands/sql.ts';
import { addStatusCommand } from './commands/status.ts';
import { addUnverifiedCommand } from './commands/unverified.ts';
import { addUpCommand } from './commands/up.ts';
import { createConsoleOutput, type OutputStream } from './console-output.ts';
import { errorJson, reportError, usageJson, type ErrorJson } from './error-report.ts';
import { jsonText } from './json-text.ts';
import { refuseEmptyRange } from './time-argument.ts';

/** Runs one command; never rejects. */
export async function runCli(
  params: Readonly<{
    args: readonly string[];
    environment: Readonly<Record<string, string | undefined>>;
    stdout: OutputStream;
    stderr: OutputStream;
  }>,
): Promise<ExitCode> {
  const { args, environment, stdout, stderr } = params;
  const results = countingWrites(stdout);
  const output = createConsoleOutput({ stdout: results.stream, stderr, environment });
  // Set by npm for what it runs: then nothing of this name is on the person's path.
  const program = environment['npm_lifecycle_event'] === undefined ? 'millrace' : 'npx millrace';
  const command = buildProgram({ output, environment, program }, results.stream, stderr);
  const tellJson = (problem: ErrorJson): void => {
    if (!has(args, '--json')) return;
    // Whoever reads one object a line gets one more, whatever came before.
    if (has(args, '--watch')) output.result(JSON.stringify(problem));
    // Whoever reads JSON gets one document: what was found, or else why there is nothing.
    else if (results.count() === 0) output.result(jsonText(problem));
  };
  try {
    refuseUnknownCommand(command, args[0]);
    await command.parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      tellJson(usageJson(error));
      return exitCodes.usage;
    }
    reportError(output, error);
    tellJson(errorJson(error));
    return exitCodeOf(error);
  }
}

function has(args: readonly string[], option: string): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).includes(option);
}

function countingWrites(stdout: OutputStream): { stream: OutputStream; count: () => number } {
  let writes = 0;
  const { isTTY, columns } = stdout;
  const write = (text: string): unknown => {
    writes += 1;
    return stdout.write(text);
  };
  const stream = { write, ...(isTTY !== undefined && { isTTY }), ...(columns && { columns }) };
  return { stream, count: () => writes };
}

function buildProgram(context: CliContext, stdout: OutputStream, stderr: OutputStream): Command {
  const program = new Command('millrace')
    .description(
      'Takes metrics, keeps every accepted batch in a durable log, and stores them once.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show what a command does')
    .showHelpAfterError('(millrace --help shows all commands)')
    .exitOverride()
    .hook('preAction', (_, command) => refuseEmptyRange(command))
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    });
  addUpCommand(program, context);
  addRunCommand(program, context);
  addSqlCommand(program, context);
  addStatusCommand(program, context);
  addLagCommand(program, context);
  addLedgerCommand(program, context);
  addDeadCommand(program, context);
  addUnverifiedCommand(program, context);
  addRetentionCommand(program, context);
  addHealthCommand(program, context);
  addRulesCommand(program, context);
  addExplainCommand(program, context);
  addPreviewCommand(program, context);
  addReprocessCommand(program, context);
  addEditionCommand(program, context);
  addBackfillCommand(program, context);
  addAuditCommand(program, context);
  addReplayCommand(program, context);
  addCheckpointCommand(program, context);
  addArchiveCommand(program, context);
  addConfigCommand(program, context);
  addSetupCommand(program, context);
  program
    .command('version')
    .description('print the version')
    .action(() => context.output.result(version));
  for (const one of program.commands) nameHelp(one, 'millrace');
  return program;
}

/** Of a word that is none of its commands, commander would think it meant for the usual one. */
function refuseUnknownCommand(program: Command, word: string | undefined): void {
  if (word === undefined || word.startsWith('-')) return;
  const known = ['help', ...program.commands.map((command) => command.name())];
  if (known.includes(word)) return;
  const meant = nearestWord(word, known);
  const suggestion = meant === undefined ? '' : `\n(Did you mean ${meant}?)`;
  program.error(`error: unknown command '${word}'${suggestion}`);
}

/** Whoever mistyped an option of a command is told where those of that command are. */
function nameHelp(command: Command, parent: string): void {
  const name = `${parent} ${command.name()}`;
  const what = command.commands.length > 0 ? 'its commands' : 'how it is used';
  command.showHelpAfterError(`(${name} --help shows ${what})`);
  for (const one of command.commands) nameHelp(one, name);
}
