import type { CompletedReader } from './completed-reader.ts';
import type { StoredExpiry } from './retention/stored-expiry.ts';
import type {
  HistogramRowColumns,
  ReadScope,
  SampleRowColumns,
  StoredDeadLetter,
  StoredDefinition,
  StoredEditions,
  StoredExemplar,
  StoredMetadata,
  StoredPiece,
  StoredPosition,
  StoredTotals,
  StoredUnverified,
} from './reader-rows.ts';

/**
 * Everything that was committed at one moment, however long it takes to read. One call at a time;
 * what an iterator yields is valid until its next step.
 */
export interface StoreSnapshot extends CompletedReader {
  positions(): Promise<readonly StoredPosition[]>;
  totals(): Promise<readonly StoredTotals[]>;
  expired(): Promise<StoredExpiry>;
  samples(scope: ReadScope): AsyncIterable<SampleRowColumns>;
  histograms(scope: ReadScope): AsyncIterable<HistogramRowColumns>;
  /** By start; the scope's times are those of window starts. Open pieces that are final too. */
  pieces(scope: ReadScope): AsyncIterable<readonly StoredPiece[]>;
  definitions(scope: ReadScope): AsyncIterable<readonly StoredDefinition[]>;
  /** Samples that are kept beside. */
  unverified(scope: ReadScope): AsyncIterable<readonly StoredUnverified[]>;
  deadLetters(): AsyncIterable<readonly StoredDeadLetter[]>;
  exemplars(scope: ReadScope): AsyncIterable<readonly StoredExemplar[]>;
  metadata(): AsyncIterable<readonly StoredMetadata[]>;
  editions(): Promise<StoredEditions>;
  close(): Promise<void>;
}

/** The store for those who check what it holds: it changes nothing. */
export interface StoreReader {
  snapshot(): Promise<StoreSnapshot>;
  close(): Promise<void>;
}
