import type { Command } from 'commander';
import type { AcceptedPartition } from '@millrace/single/setup';
import type { CliContext } from '../cli-context.ts';
import { hasColours } from '../console-output.ts';

interface SetupFlags {
  acceptNewLog?: boolean;
  plan?: boolean;
  json?: boolean;
  dataDir?: string;
}

export function addSetupCommand(program: Command, context: CliContext): void {
  program
    .command('setup')
    .description('repair how log, state and store belong together; nothing may be running')
    .option('--accept-new-log', 'let state and store go on with the log that is there now')
    .option('--plan', 'only say what would be done')
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory')
    .action(async (flags: SetupFlags, command: Command) => {
      if (flags.acceptNewLog !== true) {
        command.error('error: name what to do: --accept-new-log (add --plan to see it first)');
      }
      await acceptNewLog(context, flags);
    });
}

async function acceptNewLog(context: CliContext, flags: SetupFlags): Promise<void> {
  const { createConsoleLog, readSingleSettings } = await import('@millrace/single');
  const { acceptLogs } = await import('@millrace/single/setup');
  const { output, environment } = context;
  const { dataDir } = flags;
  const { settings } = readSingleSettings({
    ...environment,
    ...(dataDir === undefined ? {} : { MILLRACE_DATA_DIR: dataDir }),
  });
  const colours = hasColours(process.stderr, environment);
  const log = createConsoleLog({ logging: { ...settings.logging, level: 'warn' }, colours });
  const isPlan = flags.plan === true;
  const accepted = await acceptLogs(settings, { log, isPlan });
  if (flags.json === true) output.result(JSON.stringify({ plan: isPlan, accepted }, undefined, 2));
  else for (const line of accepted.flatMap((one) => describe(one, isPlan))) output.result(line);
}

/** What was, or would be, done to one partition. */
export function describe(accepted: AcceptedPartition, isPlan: boolean): string[] {
  const { partition, logId, logNumber, state, marks } = accepted;
  const name = `partition ${partition}:`;
  if (state === undefined && marks.length === 0) {
    return [`${name} log, state and store belong together; nothing to do.`];
  }
  const does = isPlan ? 'would go on' : 'goes on';
  const as = logNumber === undefined ? '' : ` as log number ${logNumber}`;
  const lines = [`${name} ${does} with log ${logId}${as}, from its first record.`];
  if (state !== undefined) {
    lines.push(`  state: was of log ${state.logId}, folded up to ${state.position}; it is kept.`);
  }
  for (const mark of marks) {
    lines.push(
      `  store: was of log ${mark.logId}, ${mark.source} stored up to ${mark.offset}; it is kept.`,
    );
  }
  return lines;
}
