import { Option, type Command } from 'commander';
import type { ReplayReport } from '@millrace/audit';
import { MillraceError } from '@millrace/runtime';
import { mebibytes, samplesIn, wholeNumber } from '../audit/audit-arguments.ts';
import type { CliContext } from '../cli-context.ts';
import { pastTimeArgument, timeArgument } from '../time-argument.ts';

interface ReplayFlags {
  since?: number;
  until?: number;
  partition?: number;
  memory: number;
  archive: boolean;
  repair?: boolean;
  dryRun?: boolean;
  json?: boolean;
  dataDir?: string;
}

export function addReplayCommand(program: Command, context: CliContext): void {
  program
    .command('replay')
    .description('fold the log again, compare with the store row by row, and repair what differs')
    .option('--since <time>', 'samples and windows from then on: RFC 3339, or 2h', pastTimeArgument)
    .option('--until <time>', 'only those before then', timeArgument)
    .option('--partition <number>', 'only this partition', wholeNumber)
    .option('--memory <MiB>', 'memory for samples; more of them take more rounds', mebibytes, 512)
    .option('--dry-run', 'change nothing (so it is unless --repair is given)')
    .addOption(
      new Option(
        '--repair',
        'make the store what the log says, and look again; writers may go on',
      ).conflicts('dryRun'),
    )
    .option('--no-archive', 'leave out what only the archive holds')
    .option('--json', 'print the report as JSON')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (flags: ReplayFlags) => await runReplay(context, flags));
}

async function runReplay(context: CliContext, flags: ReplayFlags): Promise<void> {
  const { output } = context;
  const { formatReplay } = await import('../audit/replay-text.ts');
  const report = await replayed(context, flags);
  const json = JSON.stringify(report, undefined, 2);
  output.result(flags.json === true ? json : formatReplay(report, output.colours));
  if (report.outcome === 'different') throw differs();
  if (report.outcome === 'beside') throw differsBeside();
}

async function replayed(context: CliContext, flags: ReplayFlags): Promise<ReplayReport> {
  const { replay, REPLAY_DEFAULTS } = await import('@millrace/audit');
  const { withAudited } = await import('../audit/with-audited.ts');
  const settings = {
    ...REPLAY_DEFAULTS,
    sinceUs: flags.since,
    untilUs: flags.until,
    partition: flags.partition,
    samplesMax: samplesIn(flags.memory),
  };
  return await withAudited(
    context,
    flags.dataDir,
    async (parts, audited) =>
      flags.repair === true
        ? await replay({ ...parts, repairer: audited.repairer() }, settings)
        : await replay(parts, settings),
    { hasArchive: flags.archive },
  );
}

function differs(): MillraceError {
  return new MillraceError({
    code: 'REPLAY_DIFFERS',
    kind: 'permanent',
    message: 'The store is not what the log says. It was a dry run: nothing was changed.',
    remedy:
      'Find out who changed the rows. "millrace replay --repair" with the same range makes the ' +
      'store what the log says; until then queries show what is stored.',
  });
}

function differsBeside(): MillraceError {
  return new MillraceError({
    code: 'REPLAY_FINDINGS',
    kind: 'permanent',
    message:
      'Samples, windows and series are what the log says, and something beside them is not, ' +
      'which a replay does not repair.',
    remedy: 'Look at it with "millrace audit --deep".',
  });
}
