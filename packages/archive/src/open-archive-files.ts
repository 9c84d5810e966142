import { fileURLToPath } from 'node:url';
import { archiveAddress } from './archive-errors.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchiveAccess } from './archive-access.ts';
import { openDirectoryFiles } from './directory/directory-files.ts';

/**
 * The files of the archive that is set; undefined: none is.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export async function openArchiveFiles(access: ArchiveAccess): Promise<ArchiveFiles | undefined> {
  if (access.url === undefined) return undefined;
  const url = parse(access.url);
  if (url.protocol === 'file:') return openDirectoryFiles(directoryOf(url));
  if (url.protocol === 's3:') {
    const { openS3Files } = await import('./s3/s3-files.ts');
    return openS3Files(url, access);
  }
  throw archiveAddress(`begins with ${url.protocol}//, which is no way to an archive`);
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw archiveAddress('is no URL');
  }
}

function directoryOf(url: URL): string {
  if (url.host !== '') throw archiveAddress(`names a host, ${url.host}: it takes three slashes`);
  const path = fileURLToPath(url);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
