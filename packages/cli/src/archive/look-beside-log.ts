import {
  bindFiles,
  lookAtArchive,
  type ArchiveBinding,
  type ArchivedLogLook,
  type ArchiveFiles,
} from '@millrace/archive';
import type { BoundArchive } from '@millrace/control';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { findLogId } from '@millrace/transformer';

/** A partition of the log beside what is archived of it. */
export interface HeldPartition {
  partition: number;
  logId: string | undefined;
  start: number;
  end: number;
  /** Next offset to be archived; undefined: nothing is yet. */
  archivedTo: number | undefined;
  /** Offsets that are in neither; undefined: none. */
  gap: { from: number; to: number } | undefined;
}

export interface ArchiveLook {
  where: string;
  archived: ArchivedLogLook[];
  held: HeldPartition[];
  /** Why the log could not be looked at. */
  logError: string | undefined;
  /** The archive that the log forgets nothing without; undefined: none, or nobody knows. */
  bound: BoundArchive | undefined;
  /** Why that is not the one that was looked at. */
  bindingError: string | undefined;
}

/** What is archived, and how much of the log is not; the archive alone when the log is away. */
export async function lookBesideLog(
  files: ArchiveFiles,
  log: Readonly<{ open: () => Promise<Stream>; bindingOf: (stream: Stream) => ArchiveBinding }>,
  signal: AbortSignal,
): Promise<ArchiveLook> {
  const archived = await lookAtArchive(files, signal);
  const look: ArchiveLook = {
    ...{ where: files.where, archived, held: [], logError: undefined },
    ...{ bound: undefined, bindingError: undefined },
  };
  try {
    const stream = await log.open();
    try {
      const binding = log.bindingOf(stream);
      look.bound = await binding.read(signal);
      look.bindingError = await whyNotBound(bindFiles(files, binding), signal);
      for (let partition = 0; partition < stream.partitions; partition += 1) {
        look.held.push(await heldPartition(stream, archived, { partition, signal }));
      }
    } finally {
      await stream.close();
    }
  } catch (error) {
    if (!(error instanceof MillraceError) || errorKind(error) === 'aborted') throw error;
    look.logError = errorText(error);
  }
  return look;
}

async function whyNotBound(
  { check }: Pick<ReturnType<typeof bindFiles>, 'check'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await check(signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof MillraceError) || errorKind(error) === 'aborted') throw error;
    return `${error.code}: ${error.message} ${error.remedy ?? ''}`.trim();
  }
}

async function heldPartition(
  stream: Stream,
  archived: readonly ArchivedLogLook[],
  { partition, signal }: Readonly<{ partition: number; signal: AbortSignal }>,
): Promise<HeldPartition> {
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  const logId = await findLogId({ stream, partition, signal });
  const last = archived
    .find((one) => one.partition === partition && one.logId === logId)
    ?.stretches.at(-1);
  const isGap = last !== undefined && last.to < start;
  return {
    ...{ partition, logId, start, end, archivedTo: last?.to },
    gap: isGap ? { from: last.to, to: start } : undefined,
  };
}
