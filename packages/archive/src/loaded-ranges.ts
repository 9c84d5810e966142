import type { ArchiveFiles } from './archive-files.ts';
import type { ArchivedRange } from './range.ts';
import { loadRange, type LoadedRange } from './read-range.ts';

/** Files that are held in memory: who looks for a checkpoint goes back and forth between two. */
const HELD_MAX = 2;

/** Ranges that were read a moment ago. */
export class LoadedRanges {
  readonly #files: ArchiveFiles;
  #held: { name: string; loading: Promise<LoadedRange> }[] = [];

  constructor(files: ArchiveFiles) {
    this.#files = files;
  }

  /** For people. */
  get where(): string {
    return this.#files.where;
  }

  async get(range: ArchivedRange, signal?: AbortSignal): Promise<LoadedRange> {
    const { name } = range;
    const known = this.#held.find((one) => one.name === name);
    const others = this.#held.filter((one) => one.name !== name);
    const held = known ?? { name, loading: loadRange(this.#files, range, signal) };
    this.#held = [...others, held].slice(-HELD_MAX);
    try {
      return await held.loading;
    } catch (error) {
      this.#held = this.#held.filter((one) => one !== held);
      throw error;
    }
  }
}
