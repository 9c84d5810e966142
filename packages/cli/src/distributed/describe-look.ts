import { formatLastCompletion } from '../complete/last-completion-text.ts';
import type { Colours } from '../console-output.ts';
import { formatDurationMs } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { DistributedLook, PartitionLook, StageLook } from './look.ts';

/** One line of `millrace lag`, as of one process. */
export interface DistributedLagRow {
  stage: 'transformer' | 'writer';
  partition: number;
  state: 'known' | 'unknown';
  /** Events that the stage has not done for good. */
  behindRecords: number;
  lagMs: number;
}

export function distributedLagRows({ partitions }: DistributedLook): DistributedLagRow[] {
  const rowsOf = (stage: DistributedLagRow['stage'], pick: (one: PartitionLook) => Looked) =>
    partitions.map((one): DistributedLagRow => {
      const { behindRecords, lagMs } = pick(one) ?? { behindRecords: one.end, lagMs: 0 };
      const state = pick(one) === undefined ? 'unknown' : 'known';
      return { stage, partition: one.partition, state, behindRecords, lagMs };
    });
  return [
    ...rowsOf('transformer', ({ folded }) => folded),
    ...rowsOf('writer', ({ stored }) => stored),
  ];
}

type Looked = StageLook | undefined;

/** For people; `--json` has it all. */
export function describeLook(look: DistributedLook, colours: Colours): string {
  const { brokers, topicPrefix, partitions, completion, unanswered } = look;
  const named = topicPrefix === '' ? '' : `, topics ${topicPrefix}…`;
  const head = [
    `log    Kafka at ${brokers}${named}, ${partitions.length} partitions`,
    ...(completion === undefined ? [] : [`marked ${formatLastCompletion(completion, colours)}`]),
    ...unanswered.map(
      ({ what, where, code, message }) =>
        `${what.padEnd(6)} ${where}: ${colours.red(code)}: ${message}`,
    ),
  ];
  const right = (title: string) => ({ title, align: 'right' as const });
  const columns = [
    right('partition'),
    right('events'),
    right('folded'),
    right('behind'),
    right('oldest'),
    right('stored'),
    right('behind'),
    right('oldest'),
  ];
  const rows = partitions.map(({ partition, end, folded, stored }) => [
    String(partition),
    String(end),
    ...cellsOf(folded),
    ...cellsOf(stored),
  ]);
  return [...head, '', formatTable(columns, rows, colours)].join('\n');
}

function cellsOf(look: Looked): string[] {
  if (look === undefined) return ['?', '', ''];
  const { position, behindRecords, lagMs } = look;
  return [String(position), String(behindRecords), formatDurationMs(lagMs)];
}
