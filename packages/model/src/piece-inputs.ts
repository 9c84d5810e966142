const VERSION = 1;
const HEADER_BYTES = 5;
const ENTRY_BYTES = 24;
const SLOTS_MIN = 8;

/**
 * The newest value of every input series of one piece: what `sum_last`, `avg_last` and
 * `count_series` are made of. A hash table by series_id over typed arrays, because there is one
 * look-up for every sample. It has no bound of its own: whoever folds asks `size` and `has`.
 *
 * Bytes, numbers big-endian:
 *
 *     0            1       5
 *     ┌────────────┬───────┬──────────────────────────────────────────────────────┐
 *     │version = 1 │n u32  │n × (series_id 8 bytes, time µs float64, value float64)│
 *     └────────────┴───────┴──────────────────────────────────────────────────────┘
 *     ascending by the bytes of series_id; a NaN is written as 7ff8000000000000
 */
export class PieceInputs {
  /** Entry number + 1 by slot, 0 for a free one; linear probing, at most half full. */
  #slots = new Uint32Array(SLOTS_MIN);
  /** Columns by entry number. */
  #idHigh = new Uint32Array(SLOTS_MIN / 2);
  #idLow = new Uint32Array(SLOTS_MIN / 2);
  #times = new Float64Array(SLOTS_MIN / 2);
  #values = new Float64Array(SLOTS_MIN / 2);
  #size = 0;

  static empty(): PieceInputs {
    return new PieceInputs();
  }

  get size(): number {
    return this.#size;
  }

  /** Whether the series whose fingerprint begins at `at` has a value here. */
  has(fingerprint: Uint8Array, at: number): boolean {
    return this.#slots[this.#slot(word(fingerprint, at), word(fingerprint, at + 4))] !== 0;
  }

  /**
   * Keeps the value unless a newer one of the series is known. Of two with the same time the
   * later call wins. Only the first 8 bytes of the fingerprint, the series_id, are looked at.
   */
  set(fingerprint: Uint8Array, at: number, timeUs: number, value: number): void {
    this.#set(word(fingerprint, at), word(fingerprint, at + 4), timeUs, value);
  }

  /** As if every `set` of the other one came now. */
  merge(other: PieceInputs): void {
    for (let i = 0; i < other.#size; i += 1) {
      this.#set(other.#idHigh[i]!, other.#idLow[i]!, other.#times[i]!, other.#values[i]!);
    }
  }

  /** Adds in the order of series_id, so that the order of arrival does not show; 0 when empty. */
  sumLast(): number {
    let sum = 0;
    for (const entry of this.#sorted()) sum += this.#values[entry]!;
    return sum;
  }

  /** NaN when empty. */
  avgLast(): number {
    return this.sumLast() / this.#size;
  }

  /** Input series. */
  count(): number {
    return this.#size;
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES + ENTRY_BYTES * this.#size);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setUint32(1, this.#size);
    let at = HEADER_BYTES;
    for (const entry of this.#sorted()) {
      view.setUint32(at, this.#idHigh[entry]!);
      view.setUint32(at + 4, this.#idLow[entry]!);
      writeDouble(view, at + 8, this.#times[entry]!);
      writeDouble(view, at + 16, this.#values[entry]!);
      at += ENTRY_BYTES;
    }
    return bytes;
  }

  /** RangeError when the bytes are not what `encode` writes. */
  static decode(bytes: Uint8Array): PieceInputs {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    check(bytes.length >= HEADER_BYTES && bytes[0] === VERSION, `not of version ${VERSION}`);
    const size = view.getUint32(1);
    check(bytes.length === HEADER_BYTES + ENTRY_BYTES * size, 'of the wrong length');
    const inputs = new PieceInputs();
    let last = -1n;
    for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
      const id = view.getBigUint64(at);
      check(id > last, 'not in the order of series_id');
      last = id;
      const [timeUs, value] = [view.getFloat64(at + 8), view.getFloat64(at + 16)];
      inputs.#set(view.getUint32(at), view.getUint32(at + 4), timeUs, value);
    }
    return inputs;
  }

  #set(idHigh: number, idLow: number, timeUs: number, value: number): void {
    const slot = this.#slot(idHigh, idLow);
    const entry = this.#slots[slot]! - 1;
    if (entry >= 0) {
      if (timeUs < this.#times[entry]!) return;
      this.#times[entry] = timeUs;
      this.#values[entry] = value;
      return;
    }
    this.#idHigh[this.#size] = idHigh;
    this.#idLow[this.#size] = idLow;
    this.#times[this.#size] = timeUs;
    this.#values[this.#size] = value;
    this.#size += 1;
    this.#slots[slot] = this.#size;
    if (this.#size === this.#idHigh.length) this.#grow();
  }

  /** Where the series is, or the free slot where it belongs. */
  #slot(idHigh: number, idLow: number): number {
    // A series_id is a piece of SHA-256: its bits need no more mixing.
    let slot = idLow & (this.#slots.length - 1);
    for (;;) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) return slot;
      if (this.#idLow[entry] === idLow && this.#idHigh[entry] === idHigh) return slot;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
  }

  #grow(): void {
    const entries = this.#size * 2;
    this.#idHigh = copied(this.#idHigh, new Uint32Array(entries));
    this.#idLow = copied(this.#idLow, new Uint32Array(entries));
    this.#times = copied(this.#times, new Float64Array(entries));
    this.#values = copied(this.#values, new Float64Array(entries));
    this.#slots = new Uint32Array(entries * 2);
    for (let entry = 0; entry < this.#size; entry += 1) {
      this.#slots[this.#slot(this.#idHigh[entry]!, this.#idLow[entry]!)] = entry + 1;
    }
  }

  #sorted(): Uint32Array {
    const entries = Uint32Array.from({ length: this.#size }, (_, entry) => entry);
    const [high, low] = [this.#idHigh, this.#idLow];
    return entries.sort((a, b) => high[a]! - high[b]! || low[a]! - low[b]!);
  }
}

function copied<Column extends Uint32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

/** The language leaves a NaN's payload open; a fixed one keeps equal inputs equal bytes. */
function writeDouble(view: DataView, at: number, value: number): void {
  if (value === value) {
    view.setFloat64(at, value);
    return;
  }
  view.setUint32(at, 0x7ff80000);
  view.setUint32(at + 4, 0);
}

function check(holds: boolean, fault: string): void {
  if (!holds) throw new RangeError(`The bytes of piece inputs are ${fault}.`);
}
