import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { badPageKey, closedState, corruptState, isCorruptState } from '../state-error.ts';
import {
  isExpected,
  isPageKey,
  type CommittedState,
  type StateCommit,
  type StatePosition,
  type StatePositionReader,
  type StateStore,
} from '../state.ts';
import { openLmdbDatabase, reopenLmdbDatabase } from './lmdb-database.ts';
import { LoadedPages } from './loaded-pages.ts';
import { lmdbError } from './lmdb-errors.ts';
import {
  decodeHeader,
  encodeHeader,
  headerKey,
  pageChecksum,
  pageKey,
  pageName,
  pageRange,
  type LmdbHeader,
} from './lmdb-layout.ts';

export type LmdbStateStore = StateStore & StatePositionReader;

/**
 * Committed state in an LMDB environment of its own: `directory` is created when missing. Commits
 * are written and flushed by LMDB's write thread; several stores and processes may be open on
 * one directory. `isInUse`: another one is, so that files which are not there are lost.
 *
 * @throws StateError STATE_LOST
 */
export function openLmdbStateStore(
  settings: Readonly<{ directory: string; isInUse?: boolean }>,
): LmdbStateStore {
  const { directory, isInUse = false } = settings;
  try {
    if (isInUse) return new OpenLmdbStateStore(reopenLmdbDatabase(directory), directory);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const database = openLmdbDatabase(directory);
    // The files' names must outlive a power cut as well as what is in them.
    for (const path of [directory, dirname(directory)]) flushDirectory(path);
    return new OpenLmdbStateStore(database, directory);
  } catch (error) {
    throw lmdbError({ error, where: directory, doing: 'Opening' });
  }
}

/** A header and the version under which it is stored: the number of commits so far. */
interface StoredHeader {
  header: LmdbHeader;
  commits: number;
}

/** A commit, ready to be written without any step that can throw. */
interface PlannedCommit {
  stored: StoredHeader | undefined;
  partition: number;
  header: LmdbHeader;
  puts: { key: Buffer; page: Uint8Array; checksum: number }[];
  removes: Buffer[];
  bytes: number;
}

/**
 * So much of the file may have been looked at before it is let go of. LMDB looks at each page that
 * it frees, and the system maps those around it: of a large state all of the file becomes resident,
 * in each of its commits anew.
 */
const LOOKED_AT_BYTES_MAX = 16 * 1024 * 1024;
/** Of a commit, however small: so what others of the process have mapped goes as well, by and by. */
const COMMIT_BYTES_MIN = 256 * 1024;

/** Room that LMDB needs beside the pages themselves: inner pages and its list of free ones. */
const ROOM_BESIDE_PAGES_BYTES = 1024 * 1024;

class OpenLmdbStateStore implements LmdbStateStore {
  /** Undefined once it was let go of: whoever needs it opens it again, which takes a millisecond. */
  #opened: RootDatabase<Uint8Array, Uint8Array> | undefined;
  readonly #directory: string;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Bytes of its file that were looked at since it was opened, at least. */
  #lookedAtBytes = 0;
  #lettingGo: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(database: RootDatabase<Uint8Array, Uint8Array>, directory: string) {
    this.#opened = database;
    this.#directory = directory;
  }

  get #database(): RootDatabase<Uint8Array, Uint8Array> {
    this.#opened ??= reopenLmdbDatabase(this.#directory);
    return this.#opened;
  }

  async load(partition: number): Promise<CommittedState | undefined> {
    // Again and again: whoever came first may have begun to let go of it anew.
    while (this.#lettingGo !== undefined) await this.#lettingGo;
    try {
      return this.#reading(partition, () => this.#load(partition));
    } finally {
      this.#letGoWhenDue();
    }
  }

  async readPosition(partition: number): Promise<StatePosition | undefined> {
    while (this.#lettingGo !== undefined) await this.#lettingGo;
    return this.#reading(partition, () => {
      const header = this.#header(partition)?.header;
      return header && { logId: header.logId, position: header.position };
    });
  }

  async commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    while (this.#lettingGo !== undefined) await this.#lettingGo;
    const planned = this.#reading(commit.partition, () => this.#plan(commit));
    if (planned === undefined) return 'outrun';
    const written = this.#write(planned);
    this.#underWay.add(written);
    try {
      return (await written) ? 'committed' : 'outrun';
    } finally {
      this.#underWay.delete(written);
      this.#lookedAtBytes += Math.max(planned.bytes, COMMIT_BYTES_MIN);
      this.#letGoWhenDue();
    }
  }

  async discardCorrupt(partition: number): Promise<boolean> {
    while (this.#lettingGo !== undefined) await this.#lettingGo;
    const found = this.#reading(partition, () => this.#findCorrupt(partition));
    if (found === undefined) return false;
    const { commits, keys } = found;
    const database = this.#database;
    const key = headerKey(partition);
    const remove = (): void => {
      for (const one of keys) void database.remove(one);
      void database.remove(key);
    };
    const written =
      commits === undefined
        ? database.ifNoExists(key, remove)
        : database.ifVersion(key, commits, remove);
    this.#underWay.add(written);
    try {
      return await written;
    } catch (error) {
      const cause = await commitError(error);
      throw lmdbError({ error: cause, where: this.#where(partition), doing: 'Discarding' });
    } finally {
      this.#underWay.delete(written);
    }
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.allSettled([...this.#underWay, this.#lettingGo]).then(() =>
      this.#opened?.close(),
    );
    await this.#closing;
  }

  /**
   * Closes the database unless something is under way, and it is opened again when it is needed.
   * Then its pages are still in memory, but only in the system's own.
   */
  #letGoWhenDue(): void {
    if (this.#lookedAtBytes < LOOKED_AT_BYTES_MAX || this.#underWay.size > 0) return;
    const opened = this.#opened;
    if (opened === undefined || this.#closing !== undefined) return;
    this.#opened = undefined;
    this.#lookedAtBytes = 0;
    const over = (): void => {
      this.#lettingGo = undefined;
    };
    // There is nothing to write, and no error of closing that the next one who opens it would miss.
    this.#lettingGo = opened.close().then(over, over);
  }

  /** In one snapshot, inside of `#reading`. */
  #load(partition: number): CommittedState | undefined {
    const stored = this.#header(partition);
    if (stored === undefined) return undefined;
    const pages = this.#pages(partition);
    const { logId, position, pageCount, commitId } = stored.header;
    if (pages.size !== pageCount) {
      const detail = `${pages.size} pages are there, ${pageCount} were committed`;
      throw corruptState({ where: this.#where(partition), detail });
    }
    return { logId, position, commitId, pages };
  }

  /**
   * What there is of a state that cannot be loaded, in the same snapshot; undefined: it can be.
   * As long as the number of commits stays the same, nobody has made it another one.
   */
  #findCorrupt(partition: number): { commits: number | undefined; keys: Buffer[] } | undefined {
    try {
      this.#load(partition);
      return undefined;
    } catch (error) {
      if (!isCorruptState(lmdbError({ error, where: '', doing: '' }))) throw error;
    }
    const keys: Buffer[] = [];
    for (const key of this.#database.getKeys(pageRange(partition))) keys.push(Buffer.from(key));
    return { commits: this.#database.getEntry(headerKey(partition))?.version, keys };
  }

  /** Undefined when the committed state is not the expected one. */
  #plan(commit: StateCommit): PlannedCommit | undefined {
    for (const key of commit.pages.keys()) if (!isPageKey(key)) throw badPageKey(key);
    const { partition } = commit;
    const { logId, position, commitId = randomUUID() } = commit.next;
    const stored = this.#header(partition);
    if (!isExpected(stored?.header, commit.expected)) return undefined;
    const planned: PlannedCommit = {
      stored,
      partition,
      header: { logId, position, commitId, pageCount: stored?.header.pageCount ?? 0 },
      puts: [],
      removes: [],
      bytes: 0,
    };
    for (const [name, page] of commit.pages) {
      const key = pageKey(partition, name);
      const existed = this.#database.doesExist(key);
      planned.header.pageCount += Number(page !== undefined) - Number(existed);
      if (page !== undefined) {
        planned.puts.push({ key, page, checksum: pageChecksum(key, page) });
        planned.bytes += page.length;
      } else if (existed) {
        planned.removes.push(key);
      }
    }
    return planned;
  }

  /**
   * One transaction: the number of commits is compared inside it, so what `#plan` read still
   * holds or nothing happens. INVARIANT: the callback cannot throw. LMDB's write thread may have
   * begun with the first pages by then and would commit them without the rest.
   */
  async #write(planned: PlannedCommit): Promise<boolean> {
    const { stored, partition, header, puts, removes } = planned;
    const where = this.#where(partition);
    const key = headerKey(partition);
    const value = encodeHeader(header);
    const commits = (stored?.commits ?? 0) + 1;
    const database = this.#database;
    // LMDB keeps a reference to each page until the commit is done; nothing is copied here.
    const write = (): void => {
      for (const put of puts) void database.put(put.key, put.page, put.checksum);
      for (const remove of removes) void database.remove(remove);
      void database.put(key, value, commits);
    };
    try {
      return await (stored === undefined
        ? database.ifNoExists(key, write)
        : database.ifVersion(key, stored.commits, write));
    } catch (error) {
      // First of all: the reason is a promise that nobody else holds.
      const cause = await commitError(error);
      const noRoom = !(await this.#hasRoom(planned.bytes));
      throw lmdbError({ error: cause, where, doing: 'Committing', noRoom });
    }
  }

  /** Runs `read` in one step, so that all it reads is of one snapshot: the newest one. */
  #reading<T>(partition: number, read: () => T): T {
    if (this.#closing !== undefined) throw closedState(this.#directory);
    try {
      this.#database.resetReadTxn();
      return read();
    } catch (error) {
      throw lmdbError({ error, where: this.#where(partition), doing: 'Reading' });
    }
  }

  #header(partition: number): StoredHeader | undefined {
    const where = this.#where(partition);
    const entry = this.#database.getEntry(headerKey(partition));
    if (entry !== undefined) {
      return { header: decodeHeader(entry.value, where), commits: entry.version ?? 0 };
    }
    for (const key of this.#database.getKeys({ ...pageRange(partition), limit: 1 })) {
      const detail = `it has no position, yet pages, as "${pageName(key)}"`;
      throw corruptState({ where, detail });
    }
    return undefined;
  }

  #pages(partition: number): Map<string, Uint8Array> {
    const pages = new Map<string, Uint8Array>();
    const memory = new LoadedPages();
    for (const key of this.#database.getKeys(pageRange(partition))) {
      const name = pageName(key);
      const entry = this.#database.getEntry(key);
      const page = memory.copyOf(entry?.value ?? new Uint8Array(0));
      if (entry?.version !== pageChecksum(key, page)) {
        const detail = `page "${name}" fails its checksum`;
        throw corruptState({ where: this.#where(partition), detail });
      }
      pages.set(name, page);
      this.#lookedAtBytes += page.length;
    }
    return pages;
  }

  /** Whether the disk has room for so much: LMDB tells a full one from a broken one badly. */
  async #hasRoom(bytes: number): Promise<boolean> {
    try {
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize >= bytes + ROOM_BESIDE_PAGES_BYTES;
    } catch (error) {
      throw lmdbError({ error, where: this.#directory, doing: 'Looking for room for' });
    }
  }

  #where(partition: number): string {
    return `${this.#directory}, partition ${partition}`;
  }
}

/** The reason of a failed commit, which LMDB's binding hides in a promise on the error. */
async function commitError(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function flushDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
