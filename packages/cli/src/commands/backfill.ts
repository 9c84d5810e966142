import {
  FILE_FORMATS,
  KIND_NAMES,
  kindOf,
  NAN_MEANINGS,
  STRETCH_DEFAULTS,
  TIME_UNITS,
} from '@millrace/backfill';
import { SampleKind } from '@millrace/model';
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  delimiterArgument,
  labelArgument,
  namesArgument,
  type BackfillFlags,
} from '../backfill/backfill-flags.ts';
import type { CliContext } from '../cli-context.ts';
import { rateArgument } from '../rate-argument.ts';

export function addBackfillCommand(program: Command, context: CliContext): void {
  program
    .command('backfill')
    .description('send old samples from files, beside what arrives; each counts once')
    .argument(
      '<files...>',
      'CSV, JSON lines or what "promtool tsdb dump" prints, also with gzip; Parquet',
    )
    .addOption(new Option('--format <format>', 'what the files are').choices(FILE_FORMATS))
    .option('--metric <name>', 'the metric of samples that have none of their own')
    .option(
      '--label <name=value>',
      'a label for series that have none of that name',
      labelArgument,
      [],
    )
    .option(
      '--kind <kind>',
      `of samples that do not say it: ${KIND_NAMES}; else gauge, of dumps unknown`,
      kindArgument,
    )
    .addOption(new Option('--time-unit <unit>', 'of times that are numbers').choices(TIME_UNITS))
    .option('--assume-utc', 'times without a time zone are UTC')
    .addOption(
      new Option(
        '--nan <meaning>',
        'what NaN means: a value, or of dumps the end of a series; or nothing',
      ).choices(NAN_MEANINGS),
    )
    .option('--delimiter <character>', 'between fields of CSV', delimiterArgument, ',')
    .option('--time-column <name>', 'else time, timestamp, ts, date or datetime')
    .option('--value-column <name>', 'else value, val or v')
    .option('--metric-column <name>', 'else metric, name or __name__')
    .option('--label-columns <names>', 'else all others', namesArgument)
    .option('--tenant <name>', 'whose samples they are, if not your own')
    .option('--rate <samples>', 'send at most so many a second', rateArgument)
    .option(
      '--at-once <samples>',
      'the more are sent at once, the less they cost, and the longer live ones wait',
      atOnceArgument,
      STRETCH_DEFAULTS.samplesMax,
    )
    .option('--dry-run', 'only look through the files, and tell what would be sent')
    .option('--skip-bad', 'leave out what cannot be read, instead of sending nothing')
    .option('--no-complete', 'leave marked windows to whoever computes them again later')
    .option('--restart', 'send all again, whatever was sent before: it is recognised')
    .option('-y, --yes', 'send also where retention would leave nothing of it')
    .option('--progress-dir <dir>', 'where it is noted how far it is; else beside each file')
    .option('--url <url>', 'any receiver (MILLRACE_URL; else the process of the data directory)')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .option('--json', 'print JSON')
    .action(async (files: string[], flags: BackfillFlags) => {
      const { runBackfill } = await import('../backfill/run-backfill.ts');
      await runBackfill(context, files, flags);
    });
}

function kindArgument(text: string): SampleKind {
  const kind = kindOf(text);
  if (kind !== undefined && kind !== SampleKind.event) return kind;
  throw new InvalidArgumentError(`It is ${KIND_NAMES}.`);
}

/** They are held in memory. */
const AT_ONCE_MAX = 2_000_000;

function atOnceArgument(text: string): number {
  const samples = rateArgument(text);
  if (samples <= AT_ONCE_MAX) return samples;
  throw new InvalidArgumentError(`At most ${AT_ONCE_MAX}: they are held in memory.`);
}
