import type { CheckpointOutcome } from '@millrace/checkpoint';
import type { RestoredTo } from '@millrace/transformer';
import type { Colours } from '../console-output.ts';
import { formatBytes, formatDurationMs } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { CheckpointsLook, ShownCheckpoint } from './look-at-checkpoints.ts';

/** The tables of `millrace checkpoint`. */
export function formatCheckpoints(look: CheckpointsLook, colours: Colours): string {
  if (look.checkpoints.length === 0 && look.unreadable.length === 0) {
    return (
      'There are no checkpoints yet: one is made every hour, at a clean stop, and by\n' +
      '"millrace checkpoint now".'
    );
  }
  const columns = [
    { title: 'partition', align: 'right' },
    { title: 'position', align: 'right' },
    { title: 'age', align: 'right' },
    { title: 'size', align: 'right' },
    { title: 'complete' },
    { title: 'usable' },
  ] as const;
  const rows = look.checkpoints.map((one) => [
    String(one.partition),
    one.position === undefined ? '-' : String(one.position),
    one.ageMs === undefined ? '-' : formatDurationMs(one.ageMs),
    formatBytes(one.bytes),
    completeness(one, colours),
    one.isUsable ? colours.green('yes') : colours.yellow(`no: ${one.why ?? ''}`),
  ]);
  const lines = [formatTable(columns, rows, colours)];
  for (const { partition, offset, fault } of look.unreadable) {
    const what = offset === undefined ? 'its end' : `record ${offset}`;
    lines.push(`partition ${partition}: ${colours.red(`${what} cannot be read`)}: ${fault}`);
  }
  return lines.join('\n');
}

function completeness(one: ShownCheckpoint, colours: Colours): string {
  if (!one.isComplete) return colours.yellow('no');
  return one.damage === undefined ? colours.green('yes') : colours.red('damaged');
}

export function formatOutcomes(outcomes: readonly CheckpointOutcome[], colours: Colours): string {
  const lines = outcomes.map((one) => {
    const name = `partition ${one.partition}:`;
    switch (one.outcome) {
      case 'made': {
        const { position, bytes, tookMs } = one;
        const size = `${formatBytes(bytes)} in ${formatDurationMs(tookMs)}`;
        return `${name} ${colours.green('made')} at position ${position}, ${size}.`;
      }
      case 'unchanged':
        return `${name} nothing is committed yet, so there is nothing to keep.`;
      case 'failed': {
        const remedy = one.remedy === undefined ? '' : ` ${one.remedy}`;
        return `${name} ${colours.red('failed')}: ${one.code}: ${one.message}${remedy}`;
      }
    }
  });
  return lines.join('\n');
}

export function formatRestored(partition: number, restored: RestoredTo): string {
  const archived =
    restored.isArchived === true
      ? ' The log has forgotten what follows: its transformer reads that from the archive, and ' +
        'needs MILLRACE_ARCHIVE__URL.'
      : '';
  return `partition ${partition}: ${whatItGoesOnFrom(restored)}${archived}`;
}

function whatItGoesOnFrom({ from, position, isArchived }: RestoredTo): string {
  switch (from) {
    case 'state':
      if (isArchived === true) return `goes on from its state, at position ${position} already.`;
      return `its state is at position ${position} already; nothing was changed.`;
    case 'checkpoint':
      return `goes on from the checkpoint at position ${position}.`;
    case 'log':
      return `no checkpoint is so old; it is folded again from the log's first record.`;
  }
}
