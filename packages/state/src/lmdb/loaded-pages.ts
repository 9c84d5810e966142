/** Pages of one state up to so many bytes have memory of their own. */
const PLAIN_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Above 32 MiB the C library maps memory and gives it back; thousands of pages of some kilobytes
 * each would stay with the process, scattered as they are, once a checkpoint of a large state was
 * made. What is not written of a slab costs nothing.
 */
const SLAB_BYTES = 33 * 1024 * 1024;

/** Memory for the pages of one state. */
export class LoadedPages {
  #taken = 0;
  #slab: Uint8Array = new Uint8Array(0);
  #end = 0;

  /**
   * The value in memory that is its reader's, who may keep and change it. LMDB's binding reuses its
   * buffers and overwrites only their `length`, which typed arrays do not look at.
   */
  copyOf({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
    const page = this.#roomFor(length);
    page.set(new Uint8Array(buffer, byteOffset, length));
    return page;
  }

  #roomFor(length: number): Uint8Array {
    this.#taken += length;
    if (this.#taken <= PLAIN_BYTES_MAX || length > SLAB_BYTES) return new Uint8Array(length);
    if (this.#end + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#end = 0;
    }
    const page = this.#slab.subarray(this.#end, this.#end + length);
    this.#end += length;
    return page;
  }
}
