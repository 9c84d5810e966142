import type { Address, LabelSet, LedgerTotals, Piece, TimeUs } from '@millrace/model';
import type { MetricMetadata } from '../events/events-record.ts';
import type { PieceColumns } from './piece-columns.ts';

/** The version that a builder puts first; readers accept it and the one before it. */
export const SERIES_RECORD_VERSION = 2;
/** The one before it. */
export const FIRST_SERIES_RECORD_VERSION = 1;

/** Types of entries in `metrics.series`. On the wire: never renumber. */
export const EntryType = {
  sample: 0,
  histogram: 1,
  definition: 2,
  open: 3,
  final: 4,
  unverified: 5,
  deadLetter: 6,
  ledger: 7,
  exemplar: 8,
  metadata: 9,
  edition: 10,
  editionEnd: 11,
  jobEnd: 12,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** A native histogram sample that is kept raw. */
export interface HistogramEntry {
  fingerprint: Uint8Array;
  timeUs: TimeUs;
  /** SampleFlag bits; only stale and unverified can be set. */
  flags: number;
  /** Canonical bytes, see `histogram-codec.ts`. */
  histogram: Uint8Array;
}

/** A series definition: on first sight, and again daily. */
export interface DefinitionEntry {
  fingerprint: Uint8Array;
  tenant: string;
  /** Sorted by name bytes, `__name__` included. */
  labels: LabelSet;
  /** SampleKind of the samples that brought it. */
  kind: number;
  /** Partition time when it was put out: the store's first or last seen. */
  seenUs: TimeUs;
}

/** A sample below the floor where raw is not kept. */
export interface UnverifiedEntry {
  tenant: string;
  fingerprint: Uint8Array;
  timeUs: TimeUs;
  value: number;
  flags: number;
  receivedAtUs: TimeUs;
}

/** A sample that can never be stored. The writer adds its own when a row is refused. */
export interface DeadLetterEntry {
  tenant: string;
  reason: string;
  detail: string;
  fingerprint: Uint8Array;
  timeUs: TimeUs;
  value: number;
  receivedAtUs: TimeUs;
}

/** Totals of one tenant in this partition, and how far the partition's time has come. */
export interface LedgerEntry {
  totals: LedgerTotals[];
  partitionTimeUs: TimeUs;
  /** `partitionTimeUs` − lateness, and never less than it was. */
  watermarkUs: TimeUs;
  /** Position in the events log of the record at which it was decided. */
  position: number;
}

export interface ExemplarEntry {
  fingerprint: Uint8Array;
  timeUs: TimeUs;
  value: number;
  labels: [name: string, value: string][];
}

export interface MetadataEntry extends MetricMetadata {
  tenant: string;
}

/** An edition that came into force in this partition. */
export interface EditionEntry {
  edition: number;
  rule: string;
  /** The rule as a person wrote it (or the built-in one), as JSON. */
  definition: string;
  widthsUs: TimeUs[];
  aggregates: string[];
  /** Position in the events log from which it is computed. */
  fromPosition: number;
  fromPartitionTimeUs: TimeUs;
  /** Largest time of any sample before: producers run ahead. */
  fromLargestTimeUs: TimeUs;
  /** P of the log: once so many partitions have begun it, it can be served. 0: not known. */
  partitions: number;
  /** The candidate it belongs to, which is not served until it is promoted. Absent: none. */
  candidate?: number;
}

/** An edition that is not in force any more in this partition: late samples still reach it. */
export interface EditionEndEntry {
  edition: number;
  /** Position in the events log of the barrier that ended it. */
  position: number;
  /** Nothing is folded into windows that start at or after it. */
  untilUs: TimeUs;
}

/** The last entry of a job: it has folded this partition's past into a candidate's editions. */
export interface JobEndEntry {
  candidate: number;
  /** Position in the events log of the barrier that began the editions: up to there. */
  position: number;
  /** P of the log: once so many partitions have ended it, the past is whole. */
  partitions: number;
  editions: JobEdition[];
}

export interface JobEdition {
  edition: number;
  /** Windows that start at or after it are whole: one time for each width of the edition. */
  fromUs: TimeUs[];
}

/** Raw float samples as columns; `count` of them are valid. */
export interface SampleColumns {
  count: number;
  /** 8 bytes each, big-endian: exactly what binary COPY wants as int8. */
  seriesIds: Uint8Array;
  times: Float64Array;
  values: Float64Array;
  /** SampleFlag bits; only stale and unverified can be set. */
  flags: Uint8Array;
}

/** Entries by type, in the order of their addresses within each type. */
export interface Entries {
  samples: SampleColumns;
  histograms: HistogramEntry[];
  definitions: DefinitionEntry[];
  /**
   * Pieces as objects: so the transformer puts them out, and so `decodeSeriesRecord` gives them.
   * Empty in what `decodeSeriesRecordColumns` gives.
   */
  open: Piece[];
  finals: Piece[];
  /**
   * Pieces as columns: so `decodeSeriesRecordColumns` gives them, which the writer calls; absent
   * otherwise. They come behind those that are objects, and a store takes both.
   */
  openColumns?: PieceColumns;
  finalColumns?: PieceColumns;
  unverified: UnverifiedEntry[];
  deadLetters: DeadLetterEntry[];
  ledger: LedgerEntry[];
  exemplars: ExemplarEntry[];
  metadata: MetadataEntry[];
  editions: EditionEntry[];
  editionEnds: EditionEndEntry[];
  jobEnds: JobEndEntry[];
}

/** The source of entries that are folded as their events arrive; jobs have their own. */
export const LIVE_SOURCE = 'live';

/** A record of `metrics.events`, as it was when it was folded: by it the log is recognised. */
export interface FoldedEvent {
  offset: number;
  /** Hex of 16 bytes. */
  digest: string;
}

/** One record of `metrics.series`: all entries with addresses in [from, to). */
export interface SeriesRecord {
  logId: string;
  logNumber: number;
  source: string;
  foldVersion: number;
  from: Address;
  to: Address;
  /** The last event behind its entries, see `lastFolded`. Absent: whoever put it out tells none. */
  folded?: FoldedEvent;
  entries: Entries;
}

/** What every record of `metrics.series` tells without its entries being decoded. */
export type SeriesRecordHeader = Omit<SeriesRecord, 'entries'>;

/** Offset of the last event of which entries lie below an address; -1: none do. */
export function lastFolded({ offset, ordinal }: Address): number {
  return ordinal > 0 ? offset : offset - 1;
}
