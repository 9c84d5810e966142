import { closeSync, constants, fsync, openSync, readSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { mkdir, open, readdir, readFile, rename, unlink, type FileHandle } from 'node:fs/promises';

/** One open file. Positions and lengths in bytes. */
export interface SegmentFile {
  /** Fills `into` from `position` as far as the file goes; the number of bytes read. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` or rejects; after a rejection any part of them may be there. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /**
   * Writes all of `bytes`, and resolves when they are on the device: `write` and `flush` of these
   * bytes in one. After a rejection what is said of both holds.
   */
  writeThrough(bytes: Uint8Array, position: number): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /**
   * Resolves when everything written is on the device (fdatasync). After a rejection nothing
   * written since the last success may be relied on, also not after a later success: the kernel
   * reports a failed write-back once and then counts those pages as clean.
   */
  flush(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The file operations of the log, so that a test can hold back a flush or make a write fail. */
export interface SegmentFiles {
  /** `create` makes the file and refuses an existing one; `write` and `read` want it there. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<SegmentFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** True when it was not there before. */
  makeDirectory(path: string): Promise<boolean>;
  /** Makes the directory's entries durable. */
  flushDirectory(path: string): Promise<void>;
  readText(path: string): Promise<string>;
}

const fsyncOf = promisify(fsync);
const flags = { read: 'r', write: 'r+', create: 'wx+' } as const;

/** The machine's files. */
export const nodeFiles: SegmentFiles = {
  open: async (path, mode) => {
    const handle = await open(path, flags[mode], 0o640);
    if (mode === 'read' || !WRITES_THROUGH) return new NodeFile(handle);
    try {
      return new NodeFile(handle, await open(path, constants.O_WRONLY | constants.O_DSYNC));
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  rename,
  unlink,
  list: (directory) => readdir(directory),
  makeDirectory: async (path) => {
    try {
      await mkdir(path, 0o750);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    }
  },
  flushDirectory: async (path) => {
    // Opening and closing one takes less time than asking a thread of the pool for it.
    const descriptor = openSync(path, 'r');
    try {
      await fsyncOf(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
  readText: (path) => readFile(path, 'utf8'),
};

/**
 * A write to a file that was opened so is flushed before it returns, as if by fdatasync: one call
 * instead of two takes half of the processor time. Other systems may mean less by it.
 */
const WRITES_THROUGH = process.platform === 'linux';

/**
 * So few bytes are in the page cache sooner than a thread of the pool is woken for them: seals,
 * which follow every group when there is time. The device is not waited for.
 */
const IN_PLACE_BYTES_MAX = 4096;

/**
 * So few bytes are read in place as well: only where a log ends so few are asked for, and what was
 * appended just now lies in the page cache.
 */
const READ_IN_PLACE_BYTES_MAX = 256 * 1024;

class NodeFile implements SegmentFile {
  readonly #handle: FileHandle;
  readonly #through: FileHandle | undefined;

  constructor(handle: FileHandle, through?: FileHandle) {
    this.#handle = handle;
    this.#through = through;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    if (into.length <= READ_IN_PLACE_BYTES_MAX) return readInPlace(this.#handle.fd, into, position);
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(
        into,
        done,
        into.length - done,
        position + done,
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (bytes.length > IN_PLACE_BYTES_MAX) return await writeAll(this.#handle, bytes, position);
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#handle.fd, bytes, done, bytes.length - done, position + done);
    }
  }

  async writeThrough(bytes: Uint8Array, position: number): Promise<void> {
    await writeAll(this.#through ?? this.#handle, bytes, position);
    if (this.#through === undefined) await this.#handle.datasync();
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
  }

  async flush(): Promise<void> {
    await this.#handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    await this.#through?.close();
    await this.#handle.close();
  }
}

function readInPlace(fd: number, into: Uint8Array, position: number): number {
  for (let done = 0; ;) {
    const left = into.length - done;
    const bytes = left === 0 ? 0 : readSync(fd, into, done, left, position + done);
    if (bytes === 0) return done;
    done += bytes;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  // A short write is how a filling disk says so first; the next one brings the error.
  for (let done = 0; done < bytes.length;) done += await writeSome(handle, bytes, position, done);
}

/** With a callback: a promise of the file system's own takes several objects more for each. */
function writeSome(
  { fd }: FileHandle,
  bytes: Uint8Array,
  position: number,
  done: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, done, bytes.length - done, position + done, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}
