import {
  archiveDefinition,
  createControlBinding,
  createFileBinding,
  openArchive,
  openArchiveFiles,
  type ArchiveBinding,
  type ArchiveFiles,
  type ArchiveSection,
} from '@millrace/archive';
import { MillraceError, readSettings, SHARED_SECTIONS, systemClock } from '@millrace/runtime';
import { usualDataDirectory } from '@millrace/single/running';
import type { Stream } from '@millrace/stream';
import { isShared, openLogView } from '../checkpoints/checkpoint-place.ts';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import { findRunning } from '../running-single.ts';

/** What the same environment may say to others. */
const OTHERS = [
  ...SHARED_SECTIONS,
  ...['http', 'insecure', 'stopMsMax', 'logging', 'log', 'selfMetrics', 'url'],
];

export interface OpenedArchive {
  files: ArchiveFiles;
  section: ArchiveSection;
}

/**
 * What the environment says of the archive; its address else from the running process, or from
 * nowhere. Its keys are always those of the environment.
 */
export async function findArchiveSection(
  context: CliContext,
  dataDir: string | undefined,
): Promise<ArchiveSection> {
  const { settings } = readSettings<{ archive: ArchiveSection }>(
    { archive: archiveDefinition },
    context.environment,
    { otherSections: OTHERS.filter((name) => name !== 'archive') },
  );
  const url = settings.archive.url ?? (await urlOfRunning(context, dataDir));
  return { ...settings.archive, url };
}

/** The archive that it names. @throws MillraceError ARCHIVE_UNSET, ARCHIVE_NOT_SET: there is none. */
export async function openSetArchive(
  context: CliContext,
  dataDir: string | undefined,
): Promise<OpenedArchive> {
  const section = await findArchiveSection(context, dataDir);
  const files = await openArchiveFiles(section);
  if (files !== undefined) return { files, section };
  await ensureUnbound(context, dataDir, section);
  throw new MillraceError({
    code: 'ARCHIVE_NOT_SET',
    kind: 'permanent',
    message: 'No archive was named, and the process that runs here has none. Nothing was done.',
    remedy:
      'Set MILLRACE_ARCHIVE__URL, for the processes too, to file:///a/directory or ' +
      's3://bucket/prefix?endpoint=https://host.',
  });
}

/** @throws MillraceError ARCHIVE_UNSET when the log can be looked at, and is bound to an archive. */
async function ensureUnbound(
  context: CliContext,
  dataDir: string | undefined,
  section: ArchiveSection,
): Promise<void> {
  let stream: Stream;
  try {
    stream = await openLogView(context, dataDir);
  } catch (error) {
    if (error instanceof MillraceError) return;
    throw error;
  }
  try {
    const { check } = await openArchive(section, bindingOf(context, dataDir, stream));
    await check();
  } finally {
    await stream.close();
  }
}

/** To which archive a log is bound, and where that is changed. */
export function bindingOf(
  context: CliContext,
  dataDir: string | undefined,
  stream: Stream,
): ArchiveBinding {
  if (isShared(context, dataDir)) return createControlBinding({ stream, clock: systemClock });
  const { log: logDirectory } = usualDataDirectory(dataDirOf(context, dataDir));
  return createFileBinding({ stream, logDirectory });
}

async function urlOfRunning(
  context: CliContext,
  dataDir: string | undefined,
): Promise<string | undefined> {
  if (isShared(context, dataDir)) return undefined;
  try {
    return (await findRunning(dataDirOf(context, dataDir))).archive;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}
