/** Bytes held by all requests that are not answered yet; what keeps memory flat. */
export class InFlightBytes {
  readonly #bytesMax: number;
  #bytes = 0;
  #leases = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  lease(): Lease {
    return new HeldBytes(this);
  }

  /** Whether so many more may be held by a lease that holds `held`. */
  hasRoom(bytes: number, held: number): boolean {
    // A request that is alone always fits: it has bounds of its own, and refusing it would
    // refuse it for ever.
    const alone = this.#leases === 0 || (this.#leases === 1 && held > 0);
    return this.#bytes + bytes <= this.#bytesMax || alone;
  }

  /** A lease holds other bytes than before. */
  change(before: number, after: number): void {
    if (before === 0 && after > 0) this.#leases += 1;
    if (before > 0 && after === 0) this.#leases -= 1;
    this.#bytes += after - before;
  }
}

export interface Lease {
  /** Holds that many bytes more; false when they do not fit, and then nothing changed. */
  take(bytes: number): boolean;
  /** Holds exactly that many bytes from now on, whether they fit or not. */
  set(bytes: number): void;
  release(): void;
}

class HeldBytes implements Lease {
  readonly #inFlight: InFlightBytes;
  #held = 0;

  constructor(inFlight: InFlightBytes) {
    this.#inFlight = inFlight;
  }

  take(bytes: number): boolean {
    if (!this.#inFlight.hasRoom(bytes, this.#held)) return false;
    this.set(this.#held + bytes);
    return true;
  }

  set(bytes: number): void {
    this.#inFlight.change(this.#held, bytes);
    this.#held = bytes;
  }

  release(): void {
    this.set(0);
  }
}
