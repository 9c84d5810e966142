import { Argument, Option, type Command } from 'commander';
import { listenForShutdown } from '@millrace/runtime';
import type { CliContext } from '../cli-context.ts';
import { portArgument } from '../port-argument.ts';
import { hasColours } from '../console-output.ts';

interface RunFlags {
  port?: string;
  host?: string;
  insecure?: boolean;
  logFormat?: string;
  logLevel?: string;
}

/** Each flag is one of the settings: it stands above the environment. */
const variableOfFlag: Readonly<Record<keyof RunFlags, string>> = {
  port: 'MILLRACE_HTTP__PORT',
  host: 'MILLRACE_HTTP__HOST',
  insecure: 'MILLRACE_INSECURE',
  logFormat: 'MILLRACE_LOGGING__FORMAT',
  logLevel: 'MILLRACE_LOGGING__LEVEL',
};

type RunStage = (params: {
  environment: CliContext['environment'];
  stopping: AbortSignal;
  colours: boolean;
}) => Promise<void>;

/** Loaded only when it is the one: a receiver needs no driver of a database. */
const stages: Readonly<Record<string, () => Promise<RunStage>>> = {
  receiver: async () => (await import('@millrace/receiver/main')).runReceiver,
  transformer: async () => (await import('@millrace/transformer/main')).runTransformer,
  writer: async () => {
    const { runWriter } = await import('@millrace/writer/main');
    const { completeBeside } = await import('../complete/complete-beside.ts');
    return async (params) => await runWriter({ ...params, beside: completeBeside });
  },
};

/** What still holds the process after a stop in bounded time is not waited for any longer. */
const EXIT_MS_MAX = 1000;

export function addRunCommand(program: Command, context: CliContext): void {
  program
    .command('run')
    .description('run one stage in this process, on Kafka, Redis and TimescaleDB')
    .addArgument(new Argument('<stage>', 'which one').choices(Object.keys(stages)))
    .option(
      '--port <port>',
      'the port to listen on (receiver: 9480 or the next free one)',
      portArgument,
    )
    .option('--host <address>', 'the address to listen on (127.0.0.1)')
    .option('--insecure', 'listen on other addresses than loopback although nobody logs in')
    .addOption(new Option('--log-format <format>', 'log lines').choices(['auto', 'text', 'json']))
    .addOption(
      new Option('--log-level <level>', 'the least important lines that are shown').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .addHelpText(
      'after',
      '\nReads KAFKA_BROKERS; the transformer REDIS_URL; the writer REDIS_URL and DATABASE_URL;\n' +
        'the receiver DATABASE_URL, only to tell what is stored. "millrace setup" comes first.',
    )
    .action(async (stage: string, flags: RunFlags) => await run(context, stage, flags));
}

async function run(context: CliContext, stage: string, flags: RunFlags): Promise<void> {
  const runStage = await stages[stage]!();
  const { environment } = context;
  const shutdown = listenForShutdown();
  try {
    await runStage({
      environment: { ...environment, ...variablesOf(flags) },
      stopping: shutdown.signal,
      colours: hasColours(process.stderr, environment),
    });
  } finally {
    shutdown.dispose();
    setTimeout(() => process.exit(), EXIT_MS_MAX).unref();
  }
}

function variablesOf(flags: RunFlags): Record<string, string> {
  const names = Object.keys(variableOfFlag) as (keyof RunFlags)[];
  const set = names.filter((name) => flags[name] !== undefined);
  return Object.fromEntries(set.map((name) => [variableOfFlag[name], String(flags[name])]));
}
