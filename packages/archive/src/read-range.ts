import { archiveDamaged } from './archive-errors.ts';
import { readManifest } from './archived-ranges.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { sha256Of } from './digest.ts';
import type { ArchivedFile, RangeManifest } from './manifest.ts';
import type { RecordsFile } from './parquet/read-records.ts';
import { logFolder, type ArchivedRange } from './range.ts';
import type { StreamRecord } from '@millrace/stream';

/** A range whose every byte was checked against its manifest. */
export class LoadedRange {
  readonly range: ArchivedRange;
  readonly manifest: RangeManifest;
  readonly #file: RecordsFile;
  readonly #damaged: (detail: string, cause?: unknown) => Error;
  /** Decoded last: who reads on needs it again. */
  #group: readonly StreamRecord[] = [];

  constructor(
    loaded: Readonly<{
      range: ArchivedRange;
      manifest: RangeManifest;
      /** @throws when its bytes are none. */
      open: () => RecordsFile;
    }>,
    where: string,
  ) {
    const { range, manifest, open } = loaded;
    const name = `${logFolder(range)}${manifest.records.file}`;
    this.range = range;
    this.manifest = manifest;
    this.#damaged = (detail, cause) => archiveDamaged({ where, name, detail, cause });
    try {
      this.#file = open();
    } catch (error) {
      throw this.#damaged('it is no Parquet file of records', error);
    }
  }

  /** Records from an offset on, at least one; of a few megabytes. */
  async read(offset: number): Promise<readonly StreamRecord[]> {
    const { from, to } = this.range;
    // Offsets of events follow one another; where they do not, the row has to be looked for.
    if (this.#file.rows !== to - from) {
      throw this.#damaged(`it has ${this.#file.rows} records, and its range ${to - from}`);
    }
    if (!this.#holds(offset)) this.#group = await this.#decode(offset - from);
    const records = this.#group.slice(offset - this.#group[0]!.offset);
    return records;
  }

  #holds(offset: number): boolean {
    const first = this.#group[0]?.offset ?? Infinity;
    return first <= offset && offset < first + this.#group.length;
  }

  async #decode(row: number): Promise<StreamRecord[]> {
    let records: StreamRecord[];
    try {
      records = await this.#file.readGroup(row);
    } catch (error) {
      throw this.#damaged('its records cannot be read', error);
    }
    const first = records[0]?.offset ?? -1;
    const isInOrder = records.every(({ offset }, i) => offset === first + i);
    const wanted = this.range.from + row;
    if (!isInOrder || wanted < first || wanted >= first + records.length) {
      throw this.#damaged(`offset ${wanted} is not where it should be`);
    }
    return records;
  }
}

/** @throws MillraceError ARCHIVE_DAMAGED, ARCHIVE_UNREACHABLE. */
export async function loadRange(
  files: ArchiveFiles,
  range: ArchivedRange,
  signal?: AbortSignal,
): Promise<LoadedRange> {
  const manifest = await readManifest(files, range, signal);
  const bytes = await readContent(files, range, manifest.records, signal);
  // Only now: most processes read nothing of an archive, and would load a library for nothing.
  const { RecordsFile } = await import('./parquet/read-records.ts');
  const open = (): RecordsFile => new RecordsFile(bytes);
  return new LoadedRange({ range, manifest, open }, files.where);
}

/** A file that a manifest names, every byte of it checked. @throws MillraceError ARCHIVE_DAMAGED. */
export async function readContent(
  files: ArchiveFiles,
  range: ArchivedRange,
  wanted: ArchivedFile,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const name = `${logFolder(range)}${wanted.file}`;
  const damaged = (detail: string): Error => archiveDamaged({ where: files.where, name, detail });
  const bytes = await files.get(name, signal);
  if (bytes === undefined) throw damaged('it is missing');
  if (bytes.length !== wanted.bytes) {
    throw damaged(`it has ${bytes.length} bytes, and its manifest says ${wanted.bytes}`);
  }
  if (sha256Of(bytes) !== wanted.sha256) throw damaged('its bytes fail their checksum');
  return bytes;
}
