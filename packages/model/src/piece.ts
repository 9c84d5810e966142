import type { TimeUs } from './sample.ts';

/**
 * One life of one window's state in one partition. A column is undefined when the edition does
 * not ask for that aggregate (or, for `min` … `last`, while nothing was folded).
 */
export interface Piece {
  edition: number;
  /** Fingerprint of the output series, 16 bytes. */
  fingerprint: Uint8Array;
  widthUs: TimeUs;
  startUs: TimeUs;
  /** Which life: `pieceName(log number, offset of the record that opened it)`. */
  piece: number;
  /** Samples folded. */
  count: number;
  sum?: number | undefined;
  min?: number | undefined;
  max?: number | undefined;
  first?: number | undefined;
  firstTimeUs?: TimeUs | undefined;
  last?: number | undefined;
  lastTimeUs?: TimeUs | undefined;
  increase?: number | undefined;
  /** Base-2 exponential histogram of the values, see `exponential-histogram.ts`. */
  histogram?: Uint8Array | undefined;
  /** Sparse HyperLogLog, see `hyper-log-log.ts`. */
  distinct?: Uint8Array | undefined;
  /** Last value of every input series, sorted by series, see `piece-inputs.ts`. */
  inputs?: Uint8Array | undefined;
  /** Something that belongs here could not be folded exactly; complete mode mends it. */
  marked: boolean;
}

const OFFSETS_PER_LOG = 2 ** 44;
export const LOG_NUMBER_MAX = 511;

/** The log in which a piece was opened, from its name. */
export function logNumberOf(piece: number): number {
  return Math.floor(piece / OFFSETS_PER_LOG);
}

/** The offset of the record that opened a piece, from its name. */
export function openedAt(piece: number): number {
  return piece % OFFSETS_PER_LOG;
}

/** One number for (log number, opening offset) that sorts as the pair does. */
export function pieceName(logNumber: number, offset: number): number {
  return logNumber * OFFSETS_PER_LOG + offset;
}
