import { MillraceError, silentLog } from '@millrace/runtime';
import { usualDataDirectory } from '@millrace/single/running';
import type { StateStore } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import { restoreTo, type RestoredTo } from '@millrace/transformer';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import { openLogs } from '../archive/open-logs.ts';
import { isShared } from './checkpoint-place.ts';
import { openSharedState } from './shared-state.ts';

/** Puts the state of one partition back, in Redis or in a data directory. */
export async function restorePartition(
  context: CliContext,
  params: Readonly<{
    dataDir: string | undefined;
    partition: number;
    positionMax: number;
    signal: AbortSignal;
    onNotice: (line: string) => void;
  }>,
): Promise<RestoredTo> {
  const { dataDir, partition, positionMax, signal, onNotice } = params;
  const { stream, archived } = await openLogs(context, dataDir);
  const closing: (() => Promise<void>)[] = [() => stream.close()];
  try {
    checkPartitionExists(stream, partition);
    const state = await openState(context, dataDir);
    closing.unshift(() => state.close());
    return await restoreTo(
      {
        ...{ stream, archived: archived?.stream, state, partition, signal },
        onPassedOver: ({ manifest: { position }, why }) =>
          onNotice(`Passed over a checkpoint at ${position}: ${why}.`),
      },
      positionMax,
    );
  } finally {
    for (const close of closing) await close();
  }
}

function checkPartitionExists({ partitions }: Pick<Stream, 'partitions'>, partition: number): void {
  if (partition < partitions) return;
  throw new MillraceError({
    code: 'CHECKPOINT_PARTITION',
    kind: 'permanent',
    message: `There is no partition ${partition}: the log has ${partitions}. Nothing was changed.`,
    remedy: `Name one from 0 to ${partitions - 1}.`,
  });
}

async function openState(context: CliContext, dataDir: string | undefined): Promise<StateStore> {
  if (isShared(context, dataDir)) return openSharedState(context, silentLog);
  const { openLmdbStateStore } = await import('@millrace/state/lmdb');
  const { state: directory } = usualDataDirectory(dataDirOf(context, dataDir));
  return openLmdbStateStore({ directory });
}
