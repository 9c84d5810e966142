import { mappedBuffer } from '@millrace/runtime';
import type { SampleColumns } from '@millrace/wire';

/**
 * Room for the samples of one batch, used for one batch after the other: at full rate it would be
 * tens of megabytes a second to be collected.
 */
export class SampleBuffers {
  #seriesIds = new Uint8Array(0);
  #times = new Float64Array(0);
  #values = new Float64Array(0);
  #flags = new Uint8Array(0);
  #rows = new Uint32Array(0);

  /** The columns of all chunks, one behind the other; valid until the next call. */
  concatenate(all: readonly SampleColumns[]): SampleColumns {
    const chunks = all.filter((chunk) => chunk.count > 0);
    if (chunks.length === 1) return chunks[0]!;
    const count = chunks.reduce((sum, chunk) => sum + chunk.count, 0);
    this.#reserve(count);
    let at = 0;
    for (const chunk of chunks) {
      this.#seriesIds.set(chunk.seriesIds.subarray(0, chunk.count * 8), at * 8);
      this.#times.set(chunk.times.subarray(0, chunk.count), at);
      this.#values.set(chunk.values.subarray(0, chunk.count), at);
      this.#flags.set(chunk.flags.subarray(0, chunk.count), at);
      at += chunk.count;
    }
    return {
      count,
      seriesIds: this.#seriesIds.subarray(0, count * 8),
      times: this.#times.subarray(0, count),
      values: this.#values.subarray(0, count),
      flags: this.#flags.subarray(0, count),
    };
  }

  /** Room for the numbers of so many rows; valid until the next call. */
  rows(count: number): Uint32Array {
    if (count > this.#rows.length) {
      const room = roomFor(count);
      this.#rows = new Uint32Array(mappedBuffer(4 * room), 0, room);
    }
    return this.#rows.subarray(0, count);
  }

  #reserve(count: number): void {
    if (count <= this.#times.length) return;
    const room = roomFor(count);
    this.#seriesIds = new Uint8Array(mappedBuffer(8 * room), 0, 8 * room);
    this.#times = new Float64Array(mappedBuffer(8 * room), 0, room);
    this.#values = new Float64Array(mappedBuffer(8 * room), 0, room);
    this.#flags = new Uint8Array(room);
  }
}

function roomFor(count: number): number {
  return Math.ceil(count * 1.25);
}
