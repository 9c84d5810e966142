import type { ArchiveFiles } from './archive-files.ts';
import { decodeManifest, type RangeManifest } from './manifest.ts';
import {
  isLogFolder,
  logFolder,
  partitionFolder,
  rangeOfName,
  type ArchivedRange,
  type RangeKey,
} from './range.ts';
import { archiveDamaged } from './archive-errors.ts';

/** The logs of a partition that something was archived of. */
export async function archivedLogs(
  files: ArchiveFiles,
  key: Omit<RangeKey, 'logId'>,
  signal?: AbortSignal,
): Promise<string[]> {
  const folders = await files.folders(partitionFolder(key), signal);
  return folders.filter(isLogFolder);
}

/** The ranges of one log's partition, as they are found; looking again asks for newer ones only. */
export class ArchivedRanges {
  readonly key: RangeKey;
  readonly #files: ArchiveFiles;
  readonly #ranges: ArchivedRange[] = [];

  constructor(files: ArchiveFiles, key: RangeKey) {
    this.#files = files;
    this.key = key;
  }

  get all(): readonly ArchivedRange[] {
    return this.#ranges;
  }

  /** A range is never taken away, and a newer one never lies before an older one. */
  async follow(signal?: AbortSignal): Promise<readonly ArchivedRange[]> {
    const after = this.#ranges.at(-1)?.name;
    const params = { prefix: logFolder(this.key), ...(after === undefined ? {} : { after }) };
    for await (const { name } of this.#files.list({ ...params, signal })) {
      const range = rangeOfName(this.key, name);
      if (range !== undefined) this.#ranges.push(range);
    }
    return this.#ranges;
  }

  /** One that this process has just put there. */
  note(range: ArchivedRange): void {
    const last = this.#ranges.at(-1);
    if (last === undefined || last.name < range.name) this.#ranges.push(range);
  }
}

/** @throws MillraceError ARCHIVE_DAMAGED, ARCHIVE_UNREACHABLE. */
export async function readManifest(
  files: ArchiveFiles,
  range: ArchivedRange,
  signal?: AbortSignal,
): Promise<RangeManifest> {
  const { where } = files;
  const bytes = await files.get(range.name, signal);
  if (bytes === undefined) {
    throw archiveDamaged({ where, name: range.name, detail: 'it is not there any more' });
  }
  return decodeManifest(bytes, range, where);
}
