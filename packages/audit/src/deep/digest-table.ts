const ROOM_MIN = 1024;

/**
 * What is expected of many things, in few bytes each: of a thing that is named by 64 bits a digest
 * of 64 bits, where it was put out last, and whether it was found.
 */
export class DigestTable {
  #index: Uint32Array = new Uint32Array(2 * ROOM_MIN);
  #size = 0;
  #keys: Uint32Array = new Uint32Array(2 * ROOM_MIN);
  #digests: Uint32Array = new Uint32Array(2 * ROOM_MIN);
  offsets: Float64Array = new Float64Array(ROOM_MIN);
  partitions: Uint16Array = new Uint16Array(ROOM_MIN);
  seen: Uint8Array = new Uint8Array(ROOM_MIN);

  get size(): number {
    return this.#size;
  }

  find(high: number, low: number): number {
    const mask = this.#index.length - 1;
    for (let i = low & mask; ; i = (i + 1) & mask) {
      const slot = this.#index[i]! - 1;
      if (slot < 0) return -1;
      if (this.#keys[2 * slot] === high && this.#keys[2 * slot + 1] === low) return slot;
    }
  }

  /** The slot of a thing, made when there is none. */
  slotOf(high: number, low: number): number {
    const known = this.find(high, low);
    if (known >= 0) return known;
    if (this.#size === this.offsets.length) this.#grow();
    const slot = this.#size;
    this.#size += 1;
    this.#keys[2 * slot] = high;
    this.#keys[2 * slot + 1] = low;
    this.#place(slot);
    return slot;
  }

  set(slot: number, digest: Readonly<{ high: number; low: number }>): void {
    this.#digests[2 * slot] = digest.high;
    this.#digests[2 * slot + 1] = digest.low;
  }

  has(slot: number, digest: Readonly<{ high: number; low: number }>): boolean {
    return this.#digests[2 * slot] === digest.high && this.#digests[2 * slot + 1] === digest.low;
  }

  keyOf(slot: number): Readonly<{ high: number; low: number }> {
    return { high: this.#keys[2 * slot]!, low: this.#keys[2 * slot + 1]! };
  }

  #place(slot: number): void {
    const mask = this.#index.length - 1;
    let i = this.#keys[2 * slot + 1]! & mask;
    while (this.#index[i] !== 0) i = (i + 1) & mask;
    this.#index[i] = slot + 1;
  }

  #grow(): void {
    const room = 2 * this.offsets.length;
    const grow = <T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
      into: T,
      from: T,
    ): T => {
      into.set(from);
      return into;
    };
    this.#keys = grow(new Uint32Array(2 * room), this.#keys);
    this.#digests = grow(new Uint32Array(2 * room), this.#digests);
    this.offsets = grow(new Float64Array(room), this.offsets);
    this.partitions = grow(new Uint16Array(room), this.partitions);
    this.seen = grow(new Uint8Array(room), this.seen);
    this.#index = new Uint32Array(2 * room);
    for (let slot = 0; slot < this.#size; slot += 1) this.#place(slot);
  }
}
