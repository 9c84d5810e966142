import { basename, dirname } from 'node:path';
import type { SegmentFile, SegmentFiles } from './segment-files.ts';

const SECTOR_BYTES = 512;

export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'flush'
  | 'rename'
  | 'unlink'
  | 'makeDirectory'
  | 'flushDirectory';

/** Asked before each operation: may wait, or reject as the device would. */
export type FileGate = (operation: FileOperation, path: string) => Promise<void> | void;

/**
 * Files in memory for tests, as a kernel and a device keep them: what was written is seen at once
 * and survives the end of a process, but a power cut leaves, of what was not flushed, any
 * selection of sectors and either size. A flush that fails leaves its sectors looking clean: a
 * later one succeeds without writing them. A directory of which the one above was not flushed may
 * be gone with all that is in it.
 */
export class SimulatedFiles implements SegmentFiles {
  gate: FileGate = () => undefined;
  /** In [0, 1). What a power cut or a failing device leaves. */
  readonly #random: () => number;
  readonly #directories = new Map<string, Directory>();

  constructor(random: () => number) {
    this.#random = random;
    this.#directories.set('/', { entries: new Map(), durable: new Map(), isDurable: true });
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<SegmentFile> {
    await this.gate('open', path);
    const { entries } = this.#directoryOf(path);
    const found = entries.get(basename(path));
    if (mode === 'create') {
      if (found !== undefined) throw errno('EEXIST', path);
      const created = new SimulatedContent();
      entries.set(basename(path), created);
      return this.#openFile(path, created);
    }
    if (found === undefined) throw errno('ENOENT', path);
    return this.#openFile(path, found);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.gate('rename', to);
    const { entries } = this.#directoryOf(from);
    entries.set(basename(to), entries.get(basename(from))!);
    entries.delete(basename(from));
  }

  async unlink(path: string): Promise<void> {
    await this.gate('unlink', path);
    if (!this.#directoryOf(path).entries.delete(basename(path))) throw errno('ENOENT', path);
  }

  async list(directory: string): Promise<string[]> {
    return [...(this.#directories.get(directory)?.entries.keys() ?? [])];
  }

  async makeDirectory(path: string): Promise<boolean> {
    await this.gate('makeDirectory', path);
    if (this.#directories.has(path)) return false;
    const made = { entries: new Map(), durable: new Map(), isDurable: false };
    this.#directories.set(path, made);
    return true;
  }

  async flushDirectory(path: string): Promise<void> {
    await this.gate('flushDirectory', path);
    const directory = this.#directories.get(path)!;
    directory.durable = new Map(directory.entries);
    for (const [below, one] of this.#directories) if (dirname(below) === path) one.isDurable = true;
  }

  async readText(path: string): Promise<string> {
    const found = this.#directoryOf(path).entries.get(basename(path));
    if (found === undefined) throw errno('ENOENT', path);
    return found.seen.toString('utf8');
  }

  /** The bytes of a file as they are seen now, to look at or to damage. */
  content(path: string): Buffer {
    return this.#directoryOf(path).entries.get(basename(path))!.seen;
  }

  /** Replaces a file's bytes, seen and on the device. */
  replace(path: string, bytes: Uint8Array): void {
    const content = this.#directoryOf(path).entries.get(basename(path))!;
    content.truncate(0);
    content.write(bytes, 0);
    content.flush(content.dirtySectors());
  }

  /** Paths of the files that are seen now. */
  paths(): string[] {
    return [...this.#directories].flatMap(([directory, { entries }]) =>
      [...entries.keys()].map((name) => `${directory}/${name}`),
    );
  }

  /** What another process finds after a power cut at this moment, or after `kill -9`. */
  crash(how: 'power' | 'kill'): SimulatedFiles {
    const left = new SimulatedFiles(this.#random);
    for (const [path, directory] of this.#directories) {
      const isGone = how === 'power' && !directory.isDurable && this.#random() < 0.5;
      // Those above come first.
      if (isGone || !(path === '/' || left.#directories.has(dirname(path)))) continue;
      const isOld = how === 'power' && this.#random() < 0.5;
      const entries = new Map<string, SimulatedContent>();
      for (const [name, content] of isOld ? directory.durable : directory.entries) {
        entries.set(name, how === 'power' ? content.afterPowerCut(this.#random) : content.copy());
      }
      const isDurable = how === 'power' || directory.isDurable;
      left.#directories.set(path, { entries, durable: new Map(entries), isDurable });
    }
    return left;
  }

  #directoryOf(path: string): Directory {
    const directory = this.#directories.get(dirname(path));
    if (directory === undefined) throw errno('ENOENT', path);
    return directory;
  }

  #openFile(path: string, content: SimulatedContent): SegmentFile {
    const pass = async (operation: FileOperation): Promise<void> => this.gate(operation, path);
    const write = async (bytes: Uint8Array, position: number): Promise<void> => {
      try {
        await pass('write');
      } catch (error) {
        content.write(bytes.subarray(0, Math.floor(this.#random() * bytes.length)), position);
        throw error;
      }
      content.write(bytes, position);
    };
    const flush = async (dirty: readonly number[]): Promise<void> => {
      try {
        await pass('flush');
      } catch (error) {
        content.flush(dirty.filter(() => this.#random() < 0.5));
        content.forget(dirty);
        throw error;
      }
      content.flush(dirty);
    };
    return {
      read: async (into, position) => {
        await pass('read');
        return content.read(into, position);
      },
      write,
      writeThrough: async (bytes, position) => {
        await write(bytes, position);
        const [from, to] = [position, position + bytes.length];
        // What lies beside these bytes is not promised.
        await flush(
          content
            .dirtySectors()
            .filter((sector) => (sector + 1) * SECTOR_BYTES > from && sector * SECTOR_BYTES < to),
        );
      },
      truncate: async (bytes) => {
        await pass('truncate');
        content.truncate(bytes);
      },
      // What is written while a flush is under way is not promised by it.
      flush: () => flush(content.dirtySectors()),
      size: async () => content.seen.length,
      close: async () => undefined,
    };
  }
}

interface Directory {
  entries: Map<string, SimulatedContent>;
  durable: Map<string, SimulatedContent>;
  /** Whether the entry of itself is. */
  isDurable: boolean;
}

class SimulatedContent {
  seen: Buffer = Buffer.alloc(0);
  #durable: Buffer = Buffer.alloc(0);
  readonly #dirty = new Set<number>();

  read(into: Uint8Array, position: number): number {
    const bytes = this.seen.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#resize(Math.max(this.seen.length, position + bytes.length));
    this.seen.set(bytes, position);
    this.#soil(position, position + bytes.length);
  }

  truncate(bytes: number): void {
    const before = this.seen.length;
    this.#resize(bytes);
    // Sectors beyond the new end are gone from memory, so nothing of them will be written.
    for (const sector of this.#dirty)
      if (sector * SECTOR_BYTES >= bytes) this.#dirty.delete(sector);
    this.#soil(Math.min(before, bytes), Math.max(before, bytes));
  }

  dirtySectors(): number[] {
    return [...this.#dirty];
  }

  flush(sectors: readonly number[]): void {
    this.#durable = this.#persist(sectors, this.seen.length);
    this.forget(sectors);
  }

  forget(sectors: readonly number[]): void {
    for (const sector of sectors) this.#dirty.delete(sector);
  }

  copy(): SimulatedContent {
    const copy = new SimulatedContent();
    copy.seen = Buffer.from(this.seen);
    copy.#durable = Buffer.from(this.#durable);
    for (const sector of this.#dirty) copy.#dirty.add(sector);
    return copy;
  }

  afterPowerCut(random: () => number): SimulatedContent {
    const left = new SimulatedContent();
    const chance = random();
    const sectors = this.dirtySectors().filter(() => random() < chance);
    const size = random() < 0.5 ? this.#durable.length : this.seen.length;
    left.seen = this.#persist(sectors, size);
    left.#durable = Buffer.from(left.seen);
    return left;
  }

  #resize(bytes: number): void {
    if (bytes === this.seen.length) return;
    const resized = Buffer.alloc(bytes);
    resized.set(this.seen.subarray(0, bytes));
    this.seen = resized;
  }

  #soil(from: number, to: number): void {
    for (let at = from - (from % SECTOR_BYTES); at < to; at += SECTOR_BYTES) {
      this.#dirty.add(at / SECTOR_BYTES);
    }
  }

  #persist(sectors: readonly number[], size: number): Buffer {
    const durable = Buffer.alloc(size);
    durable.set(this.#durable.subarray(0, size));
    for (const sector of sectors) {
      const at = sector * SECTOR_BYTES;
      const bytes = this.seen.subarray(at, Math.min(at + SECTOR_BYTES, this.seen.length, size));
      durable.set(bytes, Math.min(at, size));
    }
    return durable;
  }
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
