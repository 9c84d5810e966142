import {
  ArchiveKeeper,
  ArchiveWatch,
  createArchiveEvents,
  createControlBinding,
  openArchive,
  withArchive,
  type ArchiveSection,
} from '@millrace/archive';
import type { ArchiveStatus, StageHost } from '@millrace/runtime';
import type { StatePosition } from '@millrace/state';
import type { Stream } from '@millrace/stream';

/** What a process has of the archive, beside the stage itself. */
export interface HostedArchive {
  /** The log, with the archive in front: for jobs, and for a state that is lost. */
  stream: Stream;
  /** Undefined: there is no archive, and there is to be none. */
  statuses(): ArchiveStatus[] | undefined;
  /**
   * Archives the partitions that are owned here, from now on until the process ends; without an
   * archive it looks whether the log is bound to one all the same.
   */
  run(): void;
}

/** @throws MillraceError ARCHIVE_ADDRESS. */
export async function hostArchive(
  host: StageHost,
  parts: Readonly<{
    stream: Stream;
    readPosition: (partition: number) => Promise<StatePosition | undefined>;
    owned: () => readonly number[];
  }>,
  section: ArchiveSection,
): Promise<HostedArchive> {
  const { clock, log, meter } = host;
  const { stream, readPosition, owned } = parts;
  const archive = await openArchive(section, createControlBinding({ stream, clock }));
  const { files, claim } = archive;
  if (!archive.isSet) {
    const watch = new ArchiveWatch({ archive, clock });
    host.onClose(() => watch.stop());
    return {
      // A job that began without what is only away would have lost it for good.
      stream: withArchive({ stream, files }),
      statuses: () => watch.statuses(owned()),
      run: () => void watch.run(),
    };
  }
  const keeper = new ArchiveKeeper(
    {
      ...{ stream, files, claim, clock, owned, events: createArchiveEvents(log, meter) },
      logIdOf: async (partition) => (await readPosition(partition))?.logId,
    },
    section,
  );
  host.onClose(() => keeper.stop());
  const onUnusable = (partition: number, why: string): void =>
    log.warn(
      { partition, why },
      'The archive does not help: what is folded again begins with what the log holds.',
    );
  return {
    stream: withArchive({ stream, files, onUnusable }),
    statuses: () => keeper.statuses(),
    run: () => void keeper.run(),
  };
}
