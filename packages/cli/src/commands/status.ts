import type { Command } from 'commander';
import {
  partitionsText,
  toldTogether,
  type ArchiveStatus,
  type PartitionStatus,
  type StageStatus,
} from '@millrace/runtime';
import type { LedgerTotals, SingleStatus } from '@millrace/single/running';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import { formatLastCompletion } from '../complete/last-completion-text.ts';
import type { Colours } from '../console-output.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { formatBytes, formatDurationMs, formatTimeUs } from '../quantities.ts';
import { askStatus } from '../running-single.ts';
import { formatTable } from '../text-table.ts';

export function addStatusCommand(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('show what the running process does; with KAFKA_BROKERS, how far each stage is')
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async ({ json, dataDir }: { json?: boolean; dataDir?: string }) => {
      if (dataDir === undefined && isDistributed(context.environment)) {
        await showDistributed(context, json === true);
        return;
      }
      const status = await askStatus(dataDirOf(context, dataDir));
      const { output } = context;
      if (json === true) output.result(JSON.stringify(status, undefined, 2));
      else output.result(formatStatus(status, output.colours));
    });
}

async function showDistributed(context: CliContext, json: boolean): Promise<void> {
  const { lookAtDistributed } = await import('../distributed/look.ts');
  const { readDistributedSettings } = await import('../distributed/distributed-settings.ts');
  const { describeLook } = await import('../distributed/describe-look.ts');
  const { output, environment } = context;
  const look = await lookAtDistributed(readDistributedSettings(environment));
  if (json) output.result(JSON.stringify(look, undefined, 2));
  else output.result(describeLook(look, output.colours));
}

/** For people; `--json` has it all. */
export function formatStatus(status: SingleStatus, colours: Colours): string {
  const { version, pid, started, url, directory, stages, logBytes, store } = status;
  const upMs = Date.now() - Date.parse(started);
  const ready = status.ready ? colours.green('ready') : colours.yellow('not ready');
  const why = store.problem === undefined ? '' : `: ${store.problem}`;
  const silent = `, ${colours.yellow('does not answer')}${why}`;
  const isSilent = store.bytes === undefined || store.problem !== undefined;
  const bytes = isSilent ? silent : `, ${formatBytes(store.bytes ?? 0)}`;
  const runs = store.isRunning ? `running${bytes}` : colours.red('not running');
  const head = [
    `millrace ${version}, process ${pid}, up ${formatDurationMs(upMs)}: ${ready}`,
    `url    ${url}`,
    `data   ${directory}`,
    `log    ${formatBytes(logBytes)}`,
    `store  ${store.kind} PostgreSQL, ${runs}`,
    ...stages.flatMap(({ archive }) =>
      archive === undefined ? [] : [archiveLine(archive, colours)],
    ),
    ...(store.ledger === undefined ? [] : [`ledger ${formatLedger(store.ledger)}`]),
    ...(store.completion === undefined
      ? []
      : [`marked ${formatLastCompletion(store.completion, colours)}`]),
  ];
  return [...head, '', stageTable(stages, colours), ...reasonLines(stages, colours)].join('\n');
}

function archiveLine(archive: readonly ArchiveStatus[], colours: Colours): string {
  const waiting = archive.reduce((sum, one) => sum + Math.max(0, one.endOffset - one.position), 0);
  const held = archive.find(({ reason }) => reason !== undefined)?.reason;
  const waits = `archive ${waiting} records wait for a range to close`;
  if (held === undefined) return waits;
  const why = `${colours.red(held.code)}: ${held.message}`;
  // Whoever archives nothing itself does not know what waits.
  return waiting === 0 ? `archive ${why}` : `${waits}, ${why}`;
}

/** What became of all samples; dispositions that none has are left out. */
function formatLedger({ accepted, ...dispositions }: LedgerTotals): string {
  const parts = Object.entries(dispositions)
    .filter(([name, count]) => count > 0 || name === 'stored')
    .map(([name, count]) => `${count} ${name}`);
  return `${accepted} accepted = ${parts.join(' + ')}`;
}

function stageTable(stages: readonly StageStatus[], colours: Colours): string {
  const columns = [
    { title: 'stage' },
    { title: 'partition', align: 'right' },
    { title: 'state' },
    { title: 'position', align: 'right' },
    { title: 'end', align: 'right' },
    { title: 'lag', align: 'right' },
    { title: 'partition time' },
  ] as const;
  const rows = stages.flatMap(({ stage, partitions }) =>
    partitions.map((partition) => [
      stage,
      String(partition.partition),
      formatState(partition.state, colours),
      String(partition.position),
      String(partition.endOffset),
      formatDurationMs(partition.lagMs),
      partition.partitionTimeUs === undefined ? '' : formatTimeUs(partition.partitionTimeUs),
    ]),
  );
  return formatTable(columns, rows, colours);
}

function formatState(state: PartitionStatus['state'], colours: Colours): string {
  if (state === 'running') return colours.green(state);
  return state === 'stopped' ? colours.red(state) : colours.yellow(state);
}

/** Every reason why a partition stands still, or goes on with something wrong, and what to do. */
export function reasonLines(stages: readonly StageStatus[], colours: Colours): string[] {
  return stages.flatMap(({ stage, partitions }) =>
    toldTogether(partitions).flatMap(({ partitions: alike, state, told }) => {
      const { code, message, remedy } = told;
      const which = partitionsText(alike);
      const what = `${stage}, ${which}, ${state}: ${colours.red(code)}: ${message}`;
      return ['', what, ...(remedy === undefined ? [] : [`${colours.green('→')} ${remedy}`])];
    }),
  );
}
