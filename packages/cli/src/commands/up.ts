import { Option, type Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { portArgument } from '../port-argument.ts';

interface UpFlags {
  config?: string;
  dataDir?: string;
  port?: string;
  host?: string;
  insecure?: boolean;
  logFormat?: string;
  logLevel?: string;
}

/** Each flag is one of the settings: it stands above the environment. */
const variableOfFlag: Readonly<Record<keyof UpFlags, string>> = {
  config: 'MILLRACE_CONFIG',
  dataDir: 'MILLRACE_DATA_DIR',
  port: 'MILLRACE_HTTP__PORT',
  host: 'MILLRACE_HTTP__HOST',
  insecure: 'MILLRACE_INSECURE',
  logFormat: 'MILLRACE_LOGGING__FORMAT',
  logLevel: 'MILLRACE_LOGGING__LEVEL',
};

export function addUpCommand(program: Command, context: CliContext): void {
  program
    .command('up', { isDefault: true })
    .description('run everything in this process (what happens when no command is named)')
    .option('--config <file>', 'the rule file (millrace.yaml of the working directory, if any)')
    .option('--data-dir <dir>', 'where everything is kept')
    .option('--port <port>', 'the port to listen on (9480, or the next free one)', portArgument)
    .option('--host <address>', 'the address to listen on (127.0.0.1)')
    .option('--insecure', 'listen on other addresses than loopback although nobody logs in')
    .addOption(new Option('--log-format <format>', 'log lines').choices(['text', 'json']))
    .addOption(
      new Option('--log-level <level>', 'the least important lines that are shown').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .allowExcessArguments()
    .action(async (flags: UpFlags, command: Command) => {
      const [unknown] = command.args;
      if (unknown !== undefined) program.error(`error: unknown command '${unknown}'`);
      const { up } = await import('../run-up.ts');
      await up(context, withFlags(context.environment, flags));
    });
}

/** The environment with the flags written over it. */
export function withFlags(
  environment: CliContext['environment'],
  flags: UpFlags,
): Record<string, string | undefined> {
  const names = Object.keys(variableOfFlag) as (keyof UpFlags)[];
  const set = names
    .filter((name) => flags[name] !== undefined)
    .map((name) => [variableOfFlag[name], String(flags[name])]);
  return { ...environment, ...Object.fromEntries(set) };
}
