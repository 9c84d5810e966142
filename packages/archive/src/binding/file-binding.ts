import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HistoryReader, notBegun, type BoundArchive } from '@millrace/control';
import { MillraceError } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import type { ArchiveBinding } from './archive-binding.ts';
import { putWhole } from '../put-whole.ts';
import { proposedId } from './propose-id.ts';

const NAME = 'archive.json';

interface Noted {
  forgotten: number;
  archive?: BoundArchive;
}

/**
 * In a file of the log's directory: there one process has the log, and others may look at it and
 * say that the archive is forgotten, whether it runs or not.
 */
export function createFileBinding(
  parts: Readonly<{ stream: Stream; logDirectory: string }>,
): ArchiveBinding {
  const { stream, logDirectory } = parts;
  const path = join(logDirectory, NAME);
  const history = new HistoryReader(stream);
  return {
    read: async () => (await readNoted(path)).archive,
    proposeId: async (place, signal) => {
      const { logId } = await history.read(signal);
      if (logId === undefined) throw notBegun();
      return proposedId({ logId, forgotten: (await readNoted(path)).forgotten, place });
    },
    bind: async (archive) => {
      const noted = await readNoted(path);
      if (noted.archive === undefined) await writeNoted(path, { ...noted, archive });
    },
    forget: async () => {
      const { archive, forgotten } = await readNoted(path);
      if (archive !== undefined) await writeNoted(path, { forgotten: forgotten + 1 });
    },
  };
}

/** Whatever cannot be read means that nobody knows: then nothing is released. */
async function readNoted(path: string): Promise<Noted> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { forgotten: 0 };
    throw unreadable(path, (error as Error).message, error);
  }
  try {
    const noted = JSON.parse(text) as Noted;
    if (isNoted(noted)) return noted;
  } catch (error) {
    throw unreadable(path, 'it is no JSON', error);
  }
  throw unreadable(path, 'it does not say what it should');
}

function isNoted(noted: Noted | null): noted is Noted {
  if (!Number.isSafeInteger(noted?.forgotten)) return false;
  const { archive } = noted!;
  if (archive === undefined) return true;
  return /^[0-9a-f]{32}$/.test(archive.archiveId) && typeof archive.where === 'string';
}

async function writeNoted(path: string, noted: Noted): Promise<void> {
  const text = `${JSON.stringify(noted, undefined, 2)}\n`;
  await putWhole(path, text, { unfinished: `${path}.${randomUUID()}` });
}

function unreadable(path: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_BINDING_UNREADABLE',
    kind: 'transient',
    message:
      `${path}, which says to which archive the log is bound, cannot be read: ${why}. So the ` +
      'log forgets nothing, and nothing is lost.',
    remedy:
      'Make it readable for the user that runs Millrace. When it is damaged, remove it while ' +
      'MILLRACE_ARCHIVE__URL names the right archive: it is written again.',
    cause,
  });
}
