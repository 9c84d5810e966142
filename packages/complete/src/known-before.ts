import type { LabelSet } from '@millrace/model';
import type { FoldTables } from '@millrace/transformer/fold';

/** What is known of a series of the time before reading began. */
export interface SeriesBefore {
  floorUs: number;
  startUs: number;
  /** Ascending by time. */
  samples: readonly Readonly<{ timeUs: number; value: number; isValued: boolean }>[];
}

/** What is known of the records before the first one that is read: nothing, or a state. */
export class KnownBefore {
  readonly tables: FoldTables | undefined;
  readonly #floorUs: number;
  readonly #isEarly: boolean;

  constructor(
    tables: FoldTables | undefined,
    /** `floorUs`: at or below it there may be samples of series that are not remembered. */
    { floorUs, isEarly }: Readonly<{ floorUs: number; isEarly: boolean }>,
  ) {
    this.tables = tables;
    this.#floorUs = floorUs;
    this.#isEarly = isEarly;
  }

  /** Of the series whose key is at `at`. */
  labels(keys: Uint32Array, at: number): LabelSet | undefined {
    return this.tables?.labels.labels(keys, at);
  }

  series(keys: Uint32Array, at: number): SeriesBefore {
    const memory = this.tables?.series;
    const slot = memory?.index.find(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!) ?? -1;
    if (memory === undefined || slot < 0) {
      return { floorUs: this.#floorUs, startUs: -Infinity, samples: [] };
    }
    memory.order(slot);
    const first = slot * memory.width;
    const valueless = memory.valueless.data[slot]!;
    return {
      floorUs: memory.floor.data[slot]!,
      // Where later samples have come it may be one of theirs.
      startUs: this.#isEarly ? memory.start.data[slot]! : -Infinity,
      samples: Array.from({ length: memory.count.data[slot]! }, (_, i) => ({
        timeUs: memory.times.data[first + i]!,
        value: memory.values.data[first + i]!,
        isValued: (valueless & (1 << i)) === 0,
      })),
    };
  }
}
