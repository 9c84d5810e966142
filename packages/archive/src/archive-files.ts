/**
 * Where an archive's files lie: a directory, or a bucket of an object store. Names are paths of
 * letters, digits, `-`, `.` and `/`. Nothing of it is ever changed or deleted through it.
 */
export interface ArchiveFiles {
  /** Its address, for people; without secrets. */
  readonly where: string;
  /** Of what is surely one place the same, wherever it is opened; of all others another one. */
  readonly place: string;
  /**
   * Puts a file there, whole or not at all; durable when it resolves. One of that name is replaced:
   * names of contents tell the contents, so it is the same one.
   *
   * @throws MillraceError ARCHIVE_UNREACHABLE (transient), ARCHIVE_REFUSED (permanent).
   */
  put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** The same, unless one of that name is there: that one stays, whoever put it there. */
  create(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Undefined: there is no such file. Throws as `put` does. */
  get(name: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /** The files whose names begin with `prefix` and lie behind `after`, by name. */
  list(
    params: Readonly<{ prefix: string; after?: string; signal?: AbortSignal | undefined }>,
  ): AsyncIterable<ListedFile>;
  /** What lies directly in a folder that is named with its `/`: names of folders, without it. */
  folders(prefix: string, signal?: AbortSignal): Promise<string[]>;
  /**
   * Removes what calls of `put` have left that broke off long ago, which is no file of the archive;
   * tells how many there were. One that is under way after all rejects, and may be repeated.
   */
  removeUnfinished(signal?: AbortSignal): Promise<number>;
}

export interface ListedFile {
  name: string;
  bytes: number;
}
