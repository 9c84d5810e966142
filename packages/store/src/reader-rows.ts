import type { Address, LedgerTotals, Piece, TimeUs } from '@millrace/model';
import type {
  DeadLetterEntry,
  DefinitionEntry,
  EditionEndEntry,
  EditionEntry,
  ExemplarEntry,
  FoldedEvent,
  JobEndEntry,
  MetadataEntry,
  UnverifiedEntry,
} from '@millrace/wire';

/** Which rows are wanted: those of some times, and of some series. */
export interface ReadScope {
  /** Rows with times in [fromUs, untilUs); infinities are legal. */
  fromUs: TimeUs;
  untilUs: TimeUs;
  /** Series whose `series_id`, by its low 32 bits, leaves `slice` when divided by `slices`. */
  slices: number;
  slice: number;
}

export const EVERYTHING: ReadScope = {
  fromUs: -Infinity,
  untilUs: Infinity,
  slices: 1,
  slice: 0,
};

/** A row of `positions`. */
export interface StoredPosition {
  logId: string;
  logNumber: number;
  partition: number;
  source: string;
  mark: Address;
  isOpen: boolean;
  /** Undefined until a ledger entry was applied. */
  position: number | undefined;
  partitionTimeUs: TimeUs | undefined;
  watermarkUs: TimeUs | undefined;
  /** See `StoredMark`. */
  folded?: FoldedEvent | undefined;
}

/** A row of `ledger_totals`: totals as they were published, and what moved since. */
export interface StoredTotals extends Omit<LedgerTotals, 'lost' | 'droppedBy'> {
  logId: string;
  partition: number;
  source: string;
  lost: number;
  unverifiedToStored: number;
  unverifiedToDuplicate: number;
  unverifiedToDeadLetter: number;
  storedToDeadLetter: number;
  deadLetterToDuplicate: number;
  deadLetterToDropped: number;
}

/** Rows of `samples` or `histograms` as columns; `count` of them are valid. */
export interface SampleRowColumns {
  count: number;
  /** The two halves of `series_id`, big-endian. */
  idHigh: Uint32Array;
  idLow: Uint32Array;
  times: Float64Array;
  /** Of `histograms` all NaN. */
  values: Float64Array;
  /** SampleFlag bits: stale and unverified. */
  flags: Uint8Array;
  /** 1 where value (or histogram) is NULL. */
  absent: Uint8Array;
}

export interface HistogramRowColumns extends SampleRowColumns {
  /** Empty where `absent`. */
  histograms: Uint8Array[];
}

export interface StoredPiece extends Omit<Piece, 'fingerprint'> {
  /** 8 bytes. */
  seriesId: Uint8Array;
  partition: number;
  isFinal: boolean;
}

/** A row of `series_definitions`. */
export interface StoredDefinition extends Omit<DefinitionEntry, 'seenUs'> {
  firstSeenUs: TimeUs;
  lastSeenUs: TimeUs;
}

export interface StoredUnverified extends UnverifiedEntry {
  partition: number;
}

export interface StoredDeadLetter extends Omit<Partial<DeadLetterEntry>, 'fingerprint'> {
  logId: string;
  partition: number;
  source: string;
  /** What it was: sample, histogram, … */
  entry: string;
  tenant: string;
  reason: string;
  /** 8 bytes. */
  seriesId: Uint8Array | undefined;
  /** It was sent through the log again. */
  isRedriven: boolean;
}

export interface StoredExemplar extends Omit<ExemplarEntry, 'fingerprint'> {
  /** 8 bytes. */
  seriesId: Uint8Array;
}

/** A row of `metadata`. */
export type StoredMetadata = MetadataEntry;

/** A row of `editions`; `definition` as JSON. */
export interface StoredEdition extends Pick<
  EditionEntry,
  'edition' | 'rule' | 'definition' | 'widthsUs' | 'aggregates'
> {
  /** The candidate that it was begun for; undefined: none. */
  candidate: number | undefined;
  /** Its windows that are not served may be gone. */
  isDropped: boolean;
}

/** A job that ended. */
export interface StoredJobEnd extends JobEndEntry {
  logId: string;
  partition: number;
}

/** What a person has decided to show of a rule. */
export interface StoredPromotion {
  rule: string;
  version: number;
  /** Undefined: nothing. */
  edition: number | undefined;
  fromUs: TimeUs;
}

/** Where an edition began in one partition of a log. */
export interface StoredEditionStart extends Pick<
  EditionEntry,
  'edition' | 'fromPosition' | 'fromPartitionTimeUs' | 'fromLargestTimeUs' | 'partitions'
> {
  logId: string;
  partition: number;
}

/** Where it ended. */
export interface StoredEditionEnd extends EditionEndEntry {
  logId: string;
  partition: number;
}

/** Which edition is shown for windows that start in [fromUs, untilUs). */
export interface StoredServed {
  rule: string;
  edition: number;
  fromUs: TimeUs;
  untilUs: TimeUs;
}

export interface StoredEditions {
  editions: StoredEdition[];
  starts: StoredEditionStart[];
  ends: StoredEditionEnd[];
  jobEnds: StoredJobEnd[];
  promotions: StoredPromotion[];
  served: StoredServed[];
  /** What must be served, computed again from where editions began and ended. */
  toServe: StoredServed[];
}
