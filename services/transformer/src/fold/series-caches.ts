import { mappedBuffer } from '@millrace/runtime';

const ROWS_MIN = 256;

/**
 * What was found the last time of each series that is placed, as columns by row. All of it is
 * looked at first and trusted never, and none of it is state: an object for each of a million
 * series would keep the collector busy with nothing else.
 */
export class SeriesCaches {
  /** Where a series stands in the memory of definitions; -1: not known. */
  definitionSlots: Int32Array = new Int32Array(ROWS_MIN);
  /** Up to which partition time a series and all its outputs are defined, for samples of a kind, … */
  definedUntilUs: Float64Array = new Float64Array(ROWS_MIN);
  definedKinds: Uint8Array = new Uint8Array(ROWS_MIN);
  /** … while the memory of definitions has this life. */
  definedLives: Float64Array = new Float64Array(ROWS_MIN);
  /** Up to which partition time this is so of what stands beside as well; -Infinity: not known. */
  besideUntilUs: Float64Array = new Float64Array(ROWS_MIN);
  /** By lane: of each row, for each width, the slot and the turn of its newest piece. */
  readonly #hints: Float64Array[] = [];
  readonly #strides: number[] = [];

  /** Room for hints of another edition, which `lane` numbers from 0 on. */
  addLane(lane: number, widths: number): void {
    this.#strides[lane] = 2 * widths;
    this.#hints[lane] = new Float64Array(this.definitionSlots.length * 2 * widths).fill(NaN);
  }

  /** No edition has hints; the lanes are given anew. */
  clearLanes(): void {
    this.#hints.length = 0;
    this.#strides.length = 0;
  }

  hints(lane: number): Float64Array {
    return this.#hints[lane]!;
  }

  /** The row is that of another series from now on, or of one that is placed anew. */
  reset(row: number): void {
    if (row >= this.definitionSlots.length) this.#grow(row + 1);
    this.definitionSlots[row] = -1;
    this.definedUntilUs[row] = -Infinity;
    this.besideUntilUs[row] = -Infinity;
    for (let lane = 0; lane < this.#hints.length; lane += 1) {
      const stride = this.#strides[lane]!;
      this.#hints[lane]!.fill(NaN, row * stride, (row + 1) * stride);
    }
  }

  #grow(rows: number): void {
    const room = Math.max(rows, 2 * this.definitionSlots.length);
    this.definitionSlots = grown(this.definitionSlots, new Int32Array(room));
    this.definedUntilUs = grown(this.definedUntilUs, floats(room));
    this.definedKinds = grown(this.definedKinds, new Uint8Array(room));
    this.definedLives = grown(this.definedLives, floats(room));
    this.besideUntilUs = grown(this.besideUntilUs, floats(room));
    // Rows behind the old end are reset before they are looked at.
    this.#hints.forEach((hints, lane) => {
      this.#hints[lane] = grown(hints, floats(room * this.#strides[lane]!));
    });
  }
}

function floats(length: number): Float64Array {
  return new Float64Array(mappedBuffer(8 * length), 0, length);
}

function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
