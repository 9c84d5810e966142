import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { formatUnverified, formatUnverifiedSamples } from '../dead-text.ts';
import { storeConnection } from '../store-connection.ts';
import {
  limitArgument,
  seriesIdArgument,
  pastTimeArgument,
  timeArgument,
} from '../time-argument.ts';

interface UnverifiedFlags {
  json?: boolean;
  tenant?: string;
  since?: number;
  until?: number;
  limit: number;
  dataDir?: string;
}

const LIMIT = 100;

export function addUnverifiedCommand(program: Command, context: CliContext): void {
  const unverified = program
    .command('unverified')
    .description('samples too old to be told from duplicates');
  withFilters(
    unverified
      .command('list')
      .description('show the series that have some kept apart, by when those came')
      .option('--tenant <name>', 'of one tenant only'),
  ).action(async (flags: UnverifiedFlags) => {
    const connection = await storeConnection(context, flags.dataDir);
    const { listUnverified } = await import('@millrace/store/postgres');
    const { tenant, limit } = flags;
    const found = await listUnverified(connection, {
      ...(tenant === undefined ? {} : { tenant }),
      ...timesOf(flags),
      limit,
    });
    tell(context, flags, found, formatUnverified);
  });
  withFilters(
    unverified
      .command('show')
      .description('show the unverified samples of a series, by their own times')
      .argument('<series_id>', 'its number, as the list shows it', seriesIdArgument),
  ).action(async (seriesId: string, flags: UnverifiedFlags) => {
    const connection = await storeConnection(context, flags.dataDir);
    const { readUnverified } = await import('@millrace/store/postgres');
    const filter = { seriesId, ...timesOf(flags), limit: flags.limit };
    tell(context, flags, await readUnverified(connection, filter), formatUnverifiedSamples);
  });
}

function withFilters(command: Command): Command {
  return command
    .option('--since <time>', 'a time, or how long ago: 2026-11-29T12:00:00Z, 7d', pastTimeArgument)
    .option('--until <time>', 'the same; before it', timeArgument)
    .option('--limit <count>', 'at most so many', limitArgument, LIMIT)
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process');
}

function timesOf({ since, until }: UnverifiedFlags): { sinceUs?: number; untilUs?: number } {
  return {
    ...(since === undefined ? {} : { sinceUs: since }),
    ...(until === undefined ? {} : { untilUs: until }),
  };
}

function tell<T>(
  { output }: CliContext,
  { json, limit }: UnverifiedFlags,
  found: readonly T[],
  format: (found: readonly T[], colours: CliContext['output']['colours']) => string,
): void {
  if (json === true) output.result(JSON.stringify(found, undefined, 2));
  else if (found.length === 0) output.notice('There are none.');
  else output.result(format(found, output.colours));
  if (found.length === limit) output.notice(`These are ${limit}; there may be more: --limit.`);
}
