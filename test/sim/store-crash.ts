import { MemoryStoreDatabase } from '@millrace/store/memory';

/**
 * What a database that does not wait for its disk has after a crash: what was flushed last. Rows
 * and marks are lost together, and the log must still have them.
 */
export class StoreCrash {
  #flushed = copyOf(new MemoryStoreDatabase());
  #dump: MemoryStoreDatabase | undefined;

  /** Everything applied so far survives from now on. */
  flush(store: MemoryStoreDatabase): void {
    this.#flushed = copyOf(store);
  }

  /** The position of a partition below which everything survives. */
  flushedPosition(partition: number): number {
    const { marks } = this.#flushed;
    const live = marks.find((one) => one.partition === partition && one.source === 'live');
    return live?.mark.offset ?? 0;
  }

  crash(store: MemoryStoreDatabase): void {
    Object.assign(store, copyOf(this.#flushed));
  }

  /** A dump is made of it. */
  dump(store: MemoryStoreDatabase): void {
    this.#dump = copyOf(store);
  }

  /** The last dump takes its place. False when there is none. */
  restore(store: MemoryStoreDatabase): boolean {
    if (this.#dump === undefined) return false;
    this.#flushed = this.#dump;
    this.crash(store);
    return true;
  }
}

function copyOf(store: MemoryStoreDatabase): MemoryStoreDatabase {
  const { marks, samples, sampleKeys, histograms, histogramKeys, finals, open } = store;
  const { unverified, deadLetters, definitions, metadata, editions, served, shown } = store;
  return Object.assign(new MemoryStoreDatabase(), {
    marks: marks.map((mark) => ({ ...mark })),
    samples: [...samples],
    sampleKeys: new Set(sampleKeys),
    histograms: [...histograms],
    histogramKeys: new Set(histogramKeys),
    exemplars: [...store.exemplars],
    definitions: new Map(definitions),
    firstSeen: new Map(store.firstSeen),
    metadata: new Map(metadata),
    open: new Map(open),
    finals: [...finals],
    unverified: [...unverified],
    deadLetters: [...deadLetters],
    editions: new Map(editions),
    editionStarts: [...store.editionStarts],
    editionEnds: [...store.editionEnds],
    jobEnds: [...store.jobEnds],
    served: new Map(served),
    shown: shown.copy(),
    totals: new Map(store.totals),
    moves: new Map([...store.moves].map(([key, move]) => [key, { ...move }])),
  });
}
