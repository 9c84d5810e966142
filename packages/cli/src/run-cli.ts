import { Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes, nearestWord, type ExitCode } from '@millrace/runtime';
import { version } from '@millrace/single/running';
import type { CliContext } from './cli-context.ts';
import { loadCommands, type AddCommand } from './load-commands.ts';
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
  const context = { output, environment, program };
  const added = await loadCommands(args[0]);
  const command = buildProgram(context, { added, stdout: results.stream, stderr });
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

function buildProgram(
  context: CliContext,
  {
    added,
    stdout,
    stderr,
  }: Readonly<{ added: readonly AddCommand[]; stdout: OutputStream; stderr: OutputStream }>,
): Command {
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
  for (const add of added) add(program, context);
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
