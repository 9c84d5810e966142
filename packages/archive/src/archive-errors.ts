import type { BoundArchive } from '@millrace/control';
import { errorText, MillraceError } from '@millrace/runtime';

const FORGET =
  'If that archive is not to be used any more: "millrace archive forget" lets the log go on ' +
  'without it, or with another one.';

/** Whoever holds the archive does not answer, or not as it should. Tried again. */
export function archiveUnreachable(where: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_UNREACHABLE',
    kind: 'transient',
    message:
      `The archive ${where} cannot be used now: ${clause(why)}. Nothing is lost: the log forgets ` +
      'no event before it is archived.',
    remedy: 'It is tried again. Look at the address, the disk or the network of the archive.',
    cause,
  });
}

/** It answers, and says no: whoever asks has to be changed. */
export function archiveRefused(where: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_REFUSED',
    kind: 'permanent',
    message:
      `The archive ${where} refuses: ${clause(why)}. Nothing is lost: the log forgets no event ` +
      'before it is archived.',
    remedy: 'Check its address, keys and permissions: it has to list, read and write there.',
    cause,
  });
}

/** The setting says no place that there is a way to. */
export function archiveAddress(problem: string): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_ADDRESS',
    kind: 'permanent',
    message: `The address of the archive ${problem}. Nothing was started.`,
    remedy:
      'Set MILLRACE_ARCHIVE__URL to file:///a/directory or s3://bucket/prefix?endpoint=https://host.',
  });
}

/** A file of the archive is missing, or not what its manifest says. */
export function archiveDamaged(
  params: Readonly<{ where: string; name: string; detail: string; cause?: unknown }>,
): MillraceError {
  const { where, name, detail, cause } = params;
  return new MillraceError({
    code: 'ARCHIVE_DAMAGED',
    kind: 'permanent',
    message:
      `${name} of the archive ${where} cannot be used: ${detail}. Nothing of it was used, and ` +
      'nothing was skipped; other ranges and the log are untouched.',
    remedy:
      'Put the file back from a copy or an older version of it; "millrace archive verify" ' +
      'checks all of them.',
    cause,
  });
}

/** What was made of records does not give them back; the log has them. */
export function archiveMisread(
  params: Readonly<{ topic: string; partition: number; from: number; to: number; cause: unknown }>,
): MillraceError {
  const { topic, partition, from, to, cause } = params;
  return new MillraceError({
    code: 'ARCHIVE_MISREAD',
    kind: 'transient',
    message:
      `Records ${from} to ${to} of partition ${partition} of ${topic} were not archived: the ` +
      `file made of them does not give them back (${clause(errorText(cause))}). The log keeps them.`,
    remedy:
      'It is tried again. If it is told again and again, start the process anew; if that does ' +
      'not help either, the memory of the machine or a library of this release is at fault.',
    cause,
  });
}

/** The log is bound to an archive, and at the address there is none. */
export function archiveNotThere(where: string, bound: BoundArchive): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_NOT_THERE',
    kind: 'transient',
    message:
      `At ${where} there is no archive (it has no archive.json), and this log is bound to one ` +
      `(${nameOf(bound)}). Nothing is archived there, and the log forgets nothing.`,
    remedy: `Mount its disk, or put right MILLRACE_ARCHIVE__URL. ${FORGET}`,
  });
}

/** The same, and yet there are ranges: mounting a disk does not help. */
export function archiveNameless(where: string, bound: BoundArchive): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_NOT_THERE',
    kind: 'transient',
    message:
      `At ${where} there are ranges, but no name (no archive.json): archived by an earlier ` +
      'release, or the log was bound while the disk was away. This log is bound to another ' +
      `place (${nameOf(bound)}). Nothing is archived there, and the log forgets nothing.`,
    remedy:
      'If this is the archive of the log: "millrace archive forget", and the log is bound to it. ' +
      'Else put right MILLRACE_ARCHIVE__URL.',
  });
}

/** The log is bound to an archive, and at the address there is another one. */
export function archiveOther(where: string, bound: BoundArchive, found: string): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_OTHER',
    kind: 'transient',
    message:
      `The archive at ${where} is ${found.slice(0, 8)}, and this log is bound to another one ` +
      `(${nameOf(bound)}). Nothing is archived there, and the log forgets nothing.`,
    remedy: `Put right MILLRACE_ARCHIVE__URL. ${FORGET}`,
  });
}

/** The log is bound to an archive, and this process is told of none. */
export function archiveUnset(bound: BoundArchive): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_UNSET',
    kind: 'transient',
    message:
      `This log is bound to an archive (${nameOf(bound)}), and this process is told of none. ` +
      'The log forgets nothing, and nothing is lost.',
    remedy: `Set MILLRACE_ARCHIVE__URL for every process, and start it again. ${FORGET}`,
  });
}

function nameOf({ archiveId, where }: BoundArchive): string {
  return `${archiveId.slice(0, 8)}, when it was bound at ${where}`;
}

/** The log goes on from another record than the one that was archived last. */
export function archiveOtherLog(
  params: Readonly<{ partition: number; where: string; detail: string }>,
): MillraceError {
  const { partition, where, detail } = params;
  return new MillraceError({
    code: 'ARCHIVE_OTHER_LOG',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events is not the log that ${where} has ranges of: ` +
      `${detail}. Nothing was archived, and its events are kept.`,
    remedy:
      'Check that log and archive belong together. A log that was put back from an older copy ' +
      'goes on with an archive of its own: set MILLRACE_ARCHIVE__URL to another place.',
  });
}

/** The log was put back from a copy, and is shorter than it was. */
export function archiveAhead(
  params: Readonly<{ partition: number; where: string; archivedTo: number; end: number }>,
): MillraceError {
  const { partition, where, archivedTo, end } = params;
  const detail = `the archive goes on to offset ${archivedTo}, and the log ends at ${end}`;
  return archiveOtherLog({ partition, where, detail });
}

/** Both have it, and each its own. */
export function archiveOtherRecord(
  params: Readonly<{ partition: number; where: string; offset: number }>,
): MillraceError {
  const { partition, where, offset } = params;
  const detail = `record ${offset} is another one in the log than in the archive`;
  return archiveOtherLog({ partition, where, detail });
}

/** What others say may end with a full stop of theirs. */
function clause(text: string): string {
  return text.replace(/[.\s]+$/, '');
}
