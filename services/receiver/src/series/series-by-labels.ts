import type { LabelSet } from '@millrace/model';
import { UNKNOWN_SERIES, type SeriesCache } from './series-cache.ts';
import type { SeriesNumber } from './series-table.ts';

const FIRST_KEY_BYTES = 4096;

/** Finds the series of labels that came as texts, for protocols that have no bytes of them. */
export class SeriesByLabels {
  readonly #cache: SeriesCache;
  #key: Buffer = Buffer.alloc(FIRST_KEY_BYTES);

  constructor(cache: SeriesCache) {
    this.#cache = cache;
  }

  /** The series of these labels, which are canonical and were checked; a new one is remembered. */
  of(labels: LabelSet): SeriesNumber {
    const length = this.#writeKey(labels);
    const known = this.#cache.find(this.#key, 0, length);
    return known === UNKNOWN_SERIES ? this.#cache.add(this.#key, 0, length, labels) : known;
  }

  /**
   * The bytes a series is found by: a zero, which starts no protobuf field, so that they never
   * equal those of remote write; then each text behind its length.
   */
  #writeKey(labels: LabelSet): number {
    let bytesMax = 1;
    for (const [name, value] of labels) bytesMax += (name.length + value.length) * 3 + 8;
    if (bytesMax > this.#key.length) this.#key = Buffer.alloc(bytesMax * 2);
    const key = this.#key;
    key[0] = 0;
    let at = 1;
    for (const label of labels) {
      for (const text of label) {
        const written = key.write(text, at + 4, 'utf8');
        key.writeUInt32LE(written, at);
        at += 4 + written;
      }
    }
    return at;
  }
}
