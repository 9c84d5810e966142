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
    const lease: Lease & { held: number } = {
      held: 0,
      take: (bytes) => {
        // A request that is alone always fits: it has bounds of its own, and refusing it would
        // refuse it for ever.
        const alone = this.#leases === 0 || (this.#leases === 1 && lease.held > 0);
        if (this.#bytes + bytes > this.#bytesMax && !alone) return false;
        lease.set(lease.held + bytes);
        return true;
      },
      set: (bytes) => {
        if (lease.held === 0 && bytes > 0) this.#leases += 1;
        if (lease.held > 0 && bytes === 0) this.#leases -= 1;
        this.#bytes += bytes - lease.held;
        lease.held = bytes;
      },
      release: () => lease.set(0),
    };
    return lease;
  }
}

export interface Lease {
  /** Holds that many bytes more; false when they do not fit, and then nothing changed. */
  take(bytes: number): boolean;
  /** Holds exactly that many bytes from now on, whether they fit or not. */
  set(bytes: number): void;
  release(): void;
}
