const SLAB_BYTES = 512 * 1024;
/** A payload that takes more of a slab has memory of its own. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;
const FREE_SLABS_MAX = 16;
/**
 * One payload that waits keeps a slab of others that do not. While a partition stands still that
 * could be all that goes to the others meanwhile, of which no bound of what is under way knows.
 */
const USED_SLABS_MAX = 64;

interface Slab {
  readonly bytes: Uint8Array<ArrayBuffer>;
  taken: number;
  /** Payloads in it that were not given back. */
  users: number;
  /** One of them never will be: what is left of it is used, and nothing of it again. */
  isLeft: boolean;
}

/**
 * Memory for records on their way into the log. There are thousands of them a second, each for a
 * few milliseconds: a buffer for each would be made, looked after by the collector and freed.
 */
export class PayloadRoom {
  #slab: Slab = newSlab();
  readonly #free: Slab[] = [];
  /** Slabs with payloads in them. */
  readonly #inUse = new Map<ArrayBufferLike, Slab>();

  /** Memory that belongs to the caller until it gives or leaves it. */
  readonly take = (bytes: number): Uint8Array => {
    if (bytes > SHARED_BYTES_MAX) return new Uint8Array(bytes);
    if (this.#slab.taken + bytes > SLAB_BYTES) {
      if (this.#inUse.size >= USED_SLABS_MAX) return new Uint8Array(bytes);
      this.#nextSlab();
    }
    const slab = this.#slab;
    const at = slab.taken;
    // The next one begins where any column may.
    slab.taken = (at + bytes + 7) & ~7;
    if (slab.users === 0) this.#inUse.set(slab.bytes.buffer, slab);
    slab.users += 1;
    return slab.bytes.subarray(at, at + bytes);
  };

  /**
   * It may be looked at for longer, nobody knows how long: its bytes are not used again. A log that
   * refuses everything must not cost a slab for each record.
   */
  leave(payload: Uint8Array): void {
    if (payload.buffer === this.#slab.bytes.buffer) this.#slab.isLeft = true;
    else this.#inUse.delete(payload.buffer);
  }

  /** Nobody looks at it any more. */
  give(payload: Uint8Array): void {
    const slab = this.#inUse.get(payload.buffer);
    if (slab === undefined) return;
    slab.users -= 1;
    if (slab.users > 0) return;
    slab.taken = 0;
    this.#inUse.delete(slab.bytes.buffer);
    if (slab !== this.#slab && this.#free.length < FREE_SLABS_MAX) this.#free.push(slab);
  }

  #nextSlab(): void {
    if (this.#slab.isLeft) this.#inUse.delete(this.#slab.bytes.buffer);
    this.#slab = this.#free.pop() ?? newSlab();
  }
}

function newSlab(): Slab {
  return { bytes: new Uint8Array(SLAB_BYTES), taken: 0, users: 0, isLeft: false };
}
