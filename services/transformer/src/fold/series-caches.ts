import { mappedBuffer } from '@millrace/runtime';

const ROWS_MIN = 256;
/** Of a row beside its hints: three times, a slot and a kind. */
const ROW_BYTES = 3 * 8 + 4 + 1;

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
  /** Rows behind it were never reset. */
  #end = 0;

  /** Room for hints of another edition, which `lane` numbers from 0 on. */
  addLane(lane: number, widths: number): void {
    this.#strides[lane] = 2 * widths;
    const length = 2 * widths * this.definitionSlots.length;
    const hints = new Float64Array(mappedBuffer(8 * length), 0, length);
    this.#hints[lane] = hints.fill(NaN, 0, 2 * widths * this.#end);
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
    if (row >= this.#end) this.#end = row + 1;
    this.definitionSlots[row] = -1;
    this.definedUntilUs[row] = -Infinity;
    this.besideUntilUs[row] = -Infinity;
    for (let lane = 0; lane < this.#hints.length; lane += 1) {
      const stride = this.#strides[lane]!;
      this.#hints[lane]!.fill(NaN, row * stride, (row + 1) * stride);
    }
  }

  /** Into one piece of memory. Rows behind the old end are reset before they are looked at. */
  #grow(rows: number): void {
    const strides = this.#strides.slice(0, this.#hints.length);
    const rowBytes = ROW_BYTES + strides.reduce((sum, stride) => sum + 8 * stride, 0);
    const memory = mappedBuffer(Math.max(rows, 2 * this.definitionSlots.length) * rowBytes);
    const room = Math.floor(memory.byteLength / rowBytes);
    let at = 0;
    const floats = (from: Float64Array, width = 1): Float64Array => {
      const into = new Float64Array(memory, at, room * width);
      at += into.byteLength;
      into.set(from);
      return into;
    };
    this.definedUntilUs = floats(this.definedUntilUs);
    this.definedLives = floats(this.definedLives);
    this.besideUntilUs = floats(this.besideUntilUs);
    strides.forEach((stride, lane) => {
      this.#hints[lane] = floats(this.#hints[lane]!, stride);
    });
    // Behind those that have to lie at whole numbers of 8 bytes.
    const slots = new Int32Array(memory, at, room);
    slots.set(this.definitionSlots);
    this.definitionSlots = slots;
    const kinds = new Uint8Array(memory, at + slots.byteLength, room);
    kinds.set(this.definedKinds);
    this.definedKinds = kinds;
  }
}
