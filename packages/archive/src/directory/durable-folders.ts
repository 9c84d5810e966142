import { dirname } from 'node:path';
import { makeDirectories } from '@millrace/runtime';
import { flushFolder } from '../put-whole.ts';

/**
 * Of folders above those of the archive: nobody like us has made anything in one that we may not
 * look into or write to, and some that others are mounted in know of no flushing.
 */
const CLOSED = new Set<string | undefined>([
  ...['EACCES', 'EPERM', 'EROFS'],
  ...['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'],
]);

/**
 * Folders whose entries are as durable as what is put into them, whoever made them: another process
 * may have just now, and not have come to flush them.
 */
export class DurableFolders {
  readonly #flush: (folder: string) => Promise<void>;
  /** As many as an archive has, and those above: flushed once, their entries stay. */
  readonly #flushed = new Set<string>();

  constructor(flush: (folder: string) => Promise<void> = flushFolder) {
    this.#flush = flush;
  }

  async make(folder: string): Promise<void> {
    const made = await makeDirectories(folder, 0o750);
    const isMade = (one: string): boolean => made !== undefined && one.length >= made.length;
    const flushed: string[] = [];
    for (let one = folder; dirname(one) !== one; one = dirname(one)) {
      // One that was made now may have been there before.
      if (this.#flushed.has(one) && !isMade(one)) break;
      await this.#flushEntry(one);
      flushed.push(one);
    }
    // Not before: of one that is known, all above are, and the next file goes there at once.
    for (const one of flushed) this.#flushed.add(one);
  }

  async #flushEntry(folder: string): Promise<void> {
    try {
      await this.#flush(dirname(folder));
    } catch (error) {
      if (!CLOSED.has((error as NodeJS.ErrnoException).code)) throw error;
    }
  }
}
