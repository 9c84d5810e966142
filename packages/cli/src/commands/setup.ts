import type { Command } from 'commander';
import { createConsoleLog } from '@millrace/runtime';
import type { AcceptedPartition } from '@millrace/single/setup';
import type { CliContext } from '../cli-context.ts';
import { checkEnds } from '../setup/lost-end.ts';
import { hasColours } from '../console-output.ts';
import { isDistributed } from '../distributed/is-distributed.ts';

interface SetupFlags {
  acceptNewLog?: boolean;
  plan?: boolean;
  json?: boolean;
  dataDir?: string;
  config?: string;
}

export function addSetupCommand(program: Command, context: CliContext): void {
  program
    .command('setup')
    .description(
      'with KAFKA_BROKERS: make topics, log and tables; else repair how log, state and store ' +
        'belong together',
    )
    .option('--accept-new-log', 'let state and store go on with the log that is there now')
    .option('--plan', 'only say what would be done')
    .option('--config <file>', 'the rule file (millrace.yaml of the working directory, if any)')
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory')
    .action(async (flags: SetupFlags, command: Command) => {
      if (flags.dataDir === undefined && isDistributed(context.environment)) {
        await setUp(context, flags);
        return;
      }
      if (flags.acceptNewLog !== true) {
        command.error(
          'error: name what to do: --accept-new-log (add --plan to see it first); ' +
            'or set KAFKA_BROKERS to set up a cluster',
        );
      }
      await acceptNewLog(context, flags);
    });
}

async function setUp(context: CliContext, flags: SetupFlags): Promise<void> {
  const { readDistributedSettings } = await import('../distributed/distributed-settings.ts');
  const { setUpDistributed } = await import('../distributed/set-up.ts');
  const { describeSetup } = await import('../distributed/describe-setup.ts');
  const { output, environment } = context;
  const { config } = flags;
  const settings = readDistributedSettings({
    ...environment,
    ...(config === undefined ? {} : { MILLRACE_CONFIG: config }),
  });
  const colours = hasColours(process.stderr, environment);
  const log = createConsoleLog({ logging: { level: 'warn', format: 'text' }, colours });
  const report = await setUpDistributed({
    settings,
    log,
    isPlan: flags.plan === true,
    acceptsNewLog: flags.acceptNewLog === true,
  });
  if (flags.json === true) {
    output.result(JSON.stringify(report, undefined, 2));
    checkEnds(report.accepted ?? [], 'cluster');
    return;
  }
  for (const line of describeSetup(report)) output.result(line);
  const accepted = report.accepted ?? [];
  for (const line of accepted.flatMap((one) => describe(one, report.plan))) output.result(line);
  checkEnds(accepted, 'cluster');
}

async function acceptNewLog(context: CliContext, flags: SetupFlags): Promise<void> {
  const { readSingleSettings } = await import('@millrace/single');
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
  checkEnds(accepted, 'process');
}

/** What was, or would be, done to one partition. */
export function describe(accepted: AcceptedPartition, isPlan: boolean): string[] {
  const { partition, logId, logNumber, lostEnd, state, marks } = accepted;
  const name = `partition ${partition}:`;
  if (lostEnd !== undefined && state === undefined && marks.length === 0) {
    return [`${name} its log lost its end. ${lostEnd}`];
  }
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
