import type { Piece, TimeUs } from '@millrace/model';
import type { StoredDefinition, StoredPiece } from './reader-rows.ts';

/** What a row of `samples` holds. */
export interface SampleValue {
  /** Undefined when stale. */
  value: number | undefined;
  isUnverified: boolean;
}

/** What a row of `histograms` holds. */
export interface HistogramValue {
  /** Undefined when stale. */
  histogram: Uint8Array | undefined;
  isUnverified: boolean;
}

/** One row of a series and time: it goes, it comes, or it takes the place of another. */
export interface SampleRepair {
  /** 8 bytes. */
  seriesId: Uint8Array;
  timeUs: TimeUs;
  remove: SampleValue | undefined;
  insert: SampleValue | undefined;
  /** So many rows like `insert` were there, with its time and value, and stay. */
  present: number;
}

/** The same of a histogram. Which of several rows goes is not asked: `remove` has no bytes. */
export interface HistogramRepair {
  /** 8 bytes. */
  seriesId: Uint8Array;
  timeUs: TimeUs;
  remove: boolean;
  insert: HistogramValue | undefined;
  /** So many rows of its time were there, and stay, when there is nothing to remove. */
  present: number;
}

export interface PieceRepair {
  partition: number;
  /** As it was read. */
  remove: StoredPiece | undefined;
  insert: (Piece & Readonly<{ isFinal: boolean }>) | undefined;
}

export interface DefinitionRepair {
  /** As it was read. */
  remove: StoredDefinition | undefined;
  insert: StoredDefinition | undefined;
}

export interface Repairs {
  samples: readonly SampleRepair[];
  histograms: readonly HistogramRepair[];
  pieces: readonly PieceRepair[];
  definitions: readonly DefinitionRepair[];
}

/** How many rows were put right, and how many were not because they are not what was read. */
export interface RepairResult {
  repaired: number;
  passedOver: number;
  /** Rows that the database refused, and why it refused the first of them. */
  refused: number;
  refusal: string | undefined;
}

export interface RepairOptions {
  onProgress?: (rows: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Puts single rows right that lie below the marks: what the log says was applied, and is not there,
 * or is not what the log says. Writers may go on meanwhile: they stand still for a transaction.
 */
export interface StoreRepairer {
  /**
   * In transactions of some rows each. A row that is not there as `remove` says, or is there where
   * nothing was, is passed over: somebody has changed it since. May be repeated. Tells behind each
   * transaction how many rows it was through; rejects between two when the signal aborts.
   */
  repair(repairs: Repairs, how?: RepairOptions): Promise<RepairResult>;
  close(): Promise<void>;
}
