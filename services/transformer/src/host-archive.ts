import {
  ArchiveKeeper,
  createArchiveEvents,
  openArchiveFiles,
  withArchive,
  type ArchiveSection,
} from '@millrace/archive';
import type { ArchiveStatus, StageHost } from '@millrace/runtime';
import type { StatePosition } from '@millrace/state';
import type { Stream } from '@millrace/stream';

/** What a process has of the archive, beside the stage itself. */
export interface HostedArchive {
  /** The log, with the archive in front: for jobs, which fold the past. */
  stream: Stream;
  statuses(): ArchiveStatus[];
  /** Archives the partitions that are owned here, from now on until the process ends. */
  run(): void;
}

/**
 * Undefined: there is no archive.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export async function hostArchive(
  host: StageHost,
  parts: Readonly<{
    stream: Stream;
    readPosition: (partition: number) => Promise<StatePosition | undefined>;
    owned: () => readonly number[];
  }>,
  section: ArchiveSection,
): Promise<HostedArchive | undefined> {
  const { clock, log, meter } = host;
  const { stream, readPosition, owned } = parts;
  const files = await openArchiveFiles(section);
  if (files === undefined) return undefined;
  const keeper = new ArchiveKeeper(
    {
      ...{ stream, files, clock, owned, events: createArchiveEvents(log, meter) },
      logIdOf: async (partition) => (await readPosition(partition))?.logId,
    },
    section,
  );
  host.onClose(() => keeper.stop());
  const onUnusable = (partition: number, why: string): void =>
    log.warn(
      { partition, why },
      'The archive does not help: a job begins with what the log holds.',
    );
  return {
    stream: withArchive({ stream, files, onUnusable }),
    statuses: () => keeper.statuses(),
    run: () => void keeper.run(),
  };
}
