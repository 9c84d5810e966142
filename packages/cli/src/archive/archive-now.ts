import { Archiver, bindFiles, type RangeManifest } from '@millrace/archive';
import { systemClock } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import { findLogId } from '@millrace/transformer';
import { openLogView } from '../checkpoints/checkpoint-place.ts';
import type { CliContext } from '../cli-context.ts';
import { bindingOf, openSetArchive } from './archive-place.ts';

/** How far one partition is archived. */
export interface ArchivedPartitionNow {
  partition: number;
  logId: string | undefined;
  position: number;
  end: number;
}

/** Archives all partitions from outside: two that do so at once put the same there. */
export async function archiveNow(
  context: CliContext,
  how: Readonly<{
    dataDir: string | undefined;
    isAll: boolean;
    signal: AbortSignal;
    onRange: (range: RangeManifest) => void;
  }>,
): Promise<ArchivedPartitionNow[]> {
  const { dataDir, isAll, signal, onRange } = how;
  const { files: found, section } = await openSetArchive(context, dataDir);
  const stream = await openLogView(context, dataDir);
  try {
    const { files, claim } = bindFiles(found, bindingOf(context, dataDir, stream));
    await claim(signal);
    const parts = { stream, files, clock: systemClock, onArchived: onRange };
    const archiver = new Archiver(parts, section);
    const done: ArchivedPartitionNow[] = [];
    for (let partition = 0; partition < stream.partitions; partition += 1) {
      const logId = await findLogId({ stream, partition, signal });
      let position = 0;
      if (logId !== undefined) {
        for (let before = -1; position > before;) {
          before = position;
          ({ position } = await archiver.archive(partition, logId, { signal, isAll }));
        }
      }
      const { end } = await stream.bounds(TOPIC_EVENTS, partition);
      done.push({ partition, logId, position, end });
    }
    return done;
  } finally {
    await stream.close();
  }
}
