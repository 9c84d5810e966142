import type { Piece } from '@millrace/model';
import { SampleFlag } from '@millrace/model';
import type {
  DefinitionRepair,
  HistogramRepair,
  PieceRepair,
  SampleRepair,
  SampleValue,
  StoredDefinition,
  StoredPiece,
} from '@millrace/store';
import type { FoundRow } from '../rows/found-row.ts';

/** What is not as the log says: rows that are not there, are otherwise, or are too many. */
export interface DifferenceCounts {
  missing: number;
  changed: number;
  unexpected: number;
}

/** Tables that a replay compares row by row, and can repair. */
export const REPLAYED_TABLES = ['samples', 'histograms', 'windows', 'series'] as const;
export type ReplayedTable = (typeof REPLAYED_TABLES)[number];

/** Times of samples and windows that are looked at. */
export interface ReplayRange {
  sinceUs: number;
  untilUs: number;
}

/** At most so many are repaired at a time: the others at the next. */
const KEPT_MAX = 100_000;

type HistogramWanted = Omit<HistogramRepair, 'insert'> & Readonly<{ isUnverified: boolean }>;

/** Collects row by row what has to be done so that the store is what the log says. */
export class Differences {
  readonly counts: Record<ReplayedTable, DifferenceCounts> = {
    samples: nothing(),
    histograms: nothing(),
    windows: nothing(),
    series: nothing(),
  };
  readonly samples: SampleRepair[] = [];
  readonly histograms: HistogramRepair[] = [];
  /** Histograms that are to come, whose bytes only another fold tells. */
  readonly wanted: HistogramWanted[] = [];
  readonly pieces: PieceRepair[] = [];
  readonly definitions: DefinitionRepair[] = [];
  /** What is compared. */
  readonly range: ReplayRange;
  #kept = 0;

  constructor(range: ReplayRange) {
    this.range = range;
  }

  get total(): number {
    const all = REPLAYED_TABLES.flatMap((table) => Object.values(this.counts[table]) as number[]);
    return all.reduce((sum, count) => sum + count, 0);
  }

  /** Rows that were found and not kept one by one: there are too many. */
  more(table: ReplayedTable, kind: keyof DifferenceCounts, rows: number): void {
    this.counts[table][kind] += rows;
  }

  sample(
    kind: keyof DifferenceCounts,
    at: Readonly<{ idHigh: number; idLow: number; timeUs: number; isHistogram: boolean }>,
    change: Readonly<{
      remove?: FoundRow | SampleValue;
      insert?: SampleValue;
      /** Rows of the series and time that are there and stay, see `SampleRepair`. */
      present?: number;
    }>,
  ): void {
    const { timeUs, isHistogram } = at;
    this.counts[isHistogram ? 'histograms' : 'samples'][kind] += 1;
    if (!this.#keeps()) return;
    const seriesId = idBytes(at.idHigh, at.idLow);
    const { remove, insert, present = 0 } = change;
    if (!isHistogram) {
      const gone = remove === undefined ? undefined : valueOf(remove);
      this.samples.push({ seriesId, timeUs, remove: gone, insert, present });
    } else if (insert === undefined) {
      this.histograms.push({ seriesId, timeUs, remove: remove !== undefined, insert, present });
    } else {
      const { isUnverified } = insert;
      this.wanted.push({ seriesId, timeUs, remove: remove !== undefined, present, isUnverified });
    }
  }

  piece(
    partition: number,
    remove: StoredPiece | undefined,
    insert: (Piece & Readonly<{ isFinal: boolean }>) | undefined,
  ): void {
    this.counts.windows[kindOf(remove, insert)] += 1;
    if (this.#keeps()) this.pieces.push({ partition, remove, insert });
  }

  definition(remove: StoredDefinition | undefined, insert: StoredDefinition | undefined): void {
    this.counts.series[kindOf(remove, insert)] += 1;
    if (this.#keeps()) this.definitions.push({ remove, insert });
  }

  #keeps(): boolean {
    if (this.#kept >= KEPT_MAX) return false;
    this.#kept += 1;
    return true;
  }
}

function nothing(): DifferenceCounts {
  return { missing: 0, changed: 0, unexpected: 0 };
}

function kindOf(remove: unknown, insert: unknown): keyof DifferenceCounts {
  if (remove === undefined) return 'missing';
  return insert === undefined ? 'unexpected' : 'changed';
}

export function idBytes(high: number, low: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(high, 0);
  bytes.writeUInt32BE(low, 4);
  return bytes;
}

function valueOf(row: FoundRow | SampleValue): SampleValue {
  if (!('flags' in row)) return row;
  const isUnverified = (row.flags & SampleFlag.unverified) !== 0;
  return { value: row.isAbsent ? undefined : row.value, isUnverified };
}
