import { createHash, type Hash } from 'node:crypto';
import type { CheckpointManifest, PagePiece } from '@millrace/wire';

/** What is known of pages without keeping them. */
export type PagesSum = Pick<CheckpointManifest, 'pageCount' | 'pagesBytes' | 'pagesDigest'>;

const HEAD_BYTES = 12;

/**
 * Counts and digests pages, piece by piece, in order. The digest covers of each page, one after
 * the other: the length of its key as uint32, its own as float64 (both little-endian), key, bytes.
 */
export class PagesDigest {
  readonly #hash: Hash = createHash('sha256');
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #pageCount = 0;
  #pagesBytes = 0;
  /** Of the page that is not all there yet. */
  #key = '';
  #missingBytes = 0;
  #pageBytes = 0;

  /** Undefined, or why the piece does not follow the one before. */
  add({ key, at, pageBytes, bytes }: PagePiece): string | undefined {
    if (at === 0 && this.#missingBytes === 0) this.#begin(key, pageBytes);
    else if (key !== this.#key || pageBytes !== this.#pageBytes || this.#missingBytes === 0) {
      return `a piece of page "${key}" comes where one of "${this.#key}" is missing`;
    } else if (at !== pageBytes - this.#missingBytes) {
      return `page "${key}" lacks the bytes before ${at}`;
    }
    if (bytes.length > this.#missingBytes) return `page "${key}" is longer than ${pageBytes} bytes`;
    this.#hash.update(bytes);
    this.#missingBytes -= bytes.length;
    this.#pagesBytes += bytes.length;
    return undefined;
  }

  /** Once; undefined when the last page is not all there. */
  finish(): PagesSum | undefined {
    if (this.#missingBytes > 0) return undefined;
    return {
      pageCount: this.#pageCount,
      pagesBytes: this.#pagesBytes,
      pagesDigest: this.#hash.digest('hex'),
    };
  }

  #begin(key: string, pageBytes: number): void {
    const name = Buffer.from(key, 'utf8');
    this.#head.writeUInt32LE(name.length, 0);
    this.#head.writeDoubleLE(pageBytes, 4);
    this.#hash.update(this.#head).update(name);
    this.#key = key;
    this.#pageBytes = pageBytes;
    this.#missingBytes = pageBytes;
    this.#pageCount += 1;
  }
}
