import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { listenForShutdown } from '@millrace/runtime';
import type { SingleStatus } from '@millrace/single/running';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import type { Colours } from '../console-output.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { formatDurationMs } from '../quantities.ts';
import { askStatus } from '../running-single.ts';
import { formatTable } from '../text-table.ts';

/** One line of `millrace lag`. */
export interface LagRow {
  stage: string;
  partition: number;
  state: string;
  /** Records of its input topic that the stage has not read yet. */
  behindRecords: number;
  /** Age of the oldest record that is not committed yet. */
  lagMs: number;
}

const WATCH_MS = 1000;

export function addLagCommand(program: Command, context: CliContext): void {
  program
    .command('lag')
    .description('show how far each stage is behind the log')
    .option('--json', 'print JSON; with --watch one object a line')
    .option('--watch', 'print it again every second, until Ctrl-C')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (flags: { json?: boolean; watch?: boolean; dataDir?: string }) => {
      const dataDir = dataDirOf(context, flags.dataDir);
      const isShared = flags.dataDir === undefined && isDistributed(context.environment);
      const show = async (): Promise<void> => {
        const rows = isShared ? await askDistributed(context) : lagRows(await askStatus(dataDir));
        context.output.result(print(rows, flags, context.output.colours));
      };
      await show();
      if (flags.watch === true) await showAgain(show);
    });
}

async function askDistributed({ environment }: CliContext): Promise<LagRow[]> {
  const { lookAtDistributed } = await import('../distributed/look.ts');
  const { readDistributedSettings } = await import('../distributed/distributed-settings.ts');
  const { distributedLagRows } = await import('../distributed/describe-look.ts');
  return distributedLagRows(await lookAtDistributed(readDistributedSettings(environment)));
}

export function lagRows({ stages }: Pick<SingleStatus, 'stages'>): LagRow[] {
  return stages
    .filter(({ stage }) => stage !== 'receiver')
    .flatMap(({ stage, partitions }) =>
      partitions.map(({ partition, state, position, endOffset, lagMs }) => ({
        stage,
        partition,
        state,
        behindRecords: Math.max(0, endOffset - position),
        lagMs,
      })),
    );
}

function print(
  rows: readonly LagRow[],
  flags: Readonly<{ json?: boolean; watch?: boolean }>,
  colours: Colours,
): string {
  if (flags.json === true) {
    return flags.watch === true
      ? JSON.stringify({ time: new Date().toISOString(), lag: rows })
      : JSON.stringify(rows, undefined, 2);
  }
  const columns = [
    { title: 'stage' },
    { title: 'partition', align: 'right' },
    { title: 'state' },
    { title: 'records behind', align: 'right' },
    { title: 'oldest', align: 'right' },
  ] as const;
  const cells = rows.map(({ stage, partition, state, behindRecords, lagMs }) => [
    stage,
    String(partition),
    state,
    String(behindRecords),
    formatDurationMs(lagMs),
  ]);
  const table = formatTable(columns, cells, colours);
  return flags.watch === true ? `${new Date().toISOString()}\n${table}\n` : table;
}

/** Ctrl-C is how watching ends, not an interruption of it. */
async function showAgain(show: () => Promise<void>): Promise<void> {
  const shutdown = listenForShutdown();
  try {
    for (;;) {
      await sleep(WATCH_MS, undefined, { signal: shutdown.signal });
      await show();
    }
  } catch (error) {
    if (!shutdown.signal.aborted) throw error;
  } finally {
    shutdown.dispose();
  }
}
