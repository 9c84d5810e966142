import type { SegmentFile } from './segment-files.ts';

/**
 * The part of a file that is in memory: a buffer that is filled by large sequential reads. Bytes
 * handed out are valid until the next `load`.
 */
export class ReadWindow {
  readonly #file: SegmentFile;
  #buffer: Buffer<ArrayBuffer>;
  /** File byte of the first byte in the buffer. */
  #position = 0;
  #length = 0;

  constructor(file: SegmentFile, buffer: Buffer<ArrayBuffer> = Buffer.alloc(0)) {
    this.#file = file;
    this.#buffer = buffer;
  }

  /** The buffer, to be used again for the next file. */
  get buffer(): Buffer<ArrayBuffer> {
    return this.#buffer;
  }

  /** File byte after the last one in memory. */
  get end(): number {
    return this.#position + this.#length;
  }

  /**
   * Makes `[position, until)` present, as far as the file goes, keeping what already is. Returns
   * the file byte up to which it is.
   */
  async load(position: number, until: number): Promise<number> {
    const kept = position >= this.#position && position <= this.end ? this.end - position : 0;
    const from = this.#buffer.subarray(this.#length - kept, this.#length);
    const wanted = until - position;
    if (wanted > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(roundUp(wanted));
      larger.set(from);
      this.#buffer = larger;
    } else if (kept > 0) {
      this.#buffer.copyWithin(0, this.#length - kept, this.#length);
    }
    this.#position = position;
    this.#length = kept;
    if (kept < wanted) {
      const target = this.#buffer.subarray(kept, wanted);
      this.#length += await this.#file.read(target, position + kept);
    }
    return this.end;
  }

  /** Index in the buffer of a file byte that is in memory. */
  indexOf(position: number): number {
    return position - this.#position;
  }
}

function roundUp(bytes: number): number {
  const page = 64 * 1024;
  return Math.ceil(bytes / page) * page;
}
