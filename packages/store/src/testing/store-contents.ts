import type { LedgerTotals, Piece, TimeUs } from '@millrace/model';
import type { MarkKey, Store } from '../store.ts';

/** What a store holds, in a form in which two kinds of store can be compared. */
export interface StoreContents {
  /** Sorted by series, time, value. */
  samples: ContentSample[];
  histograms: { seriesId: string; timeUs: TimeUs; histogram: string; unverified: boolean }[];
  exemplars: number;
  /** Sorted by series. */
  definitions: {
    seriesId: string;
    tenant: string;
    metric: string;
    labels: Record<string, string>;
    kind: string;
  }[];
  metadata: { tenant: string; metric: string; type: string; unit: string; help: string }[];
  /** Sorted by edition, series, width, start, partition, piece. */
  open: ContentPiece[];
  finals: ContentPiece[];
  unverified: { tenant: string; timeUs: TimeUs; value: number | undefined }[];
  deadLetters: { tenant: string; reason: string; detail: string }[];
  editions: { edition: number; rule: string; widthsUs: TimeUs[]; aggregates: string[] }[];
  served: { rule: string; edition: number }[];
  watermarks: { partition: number; position: number; watermarkUs: TimeUs }[];
}

export interface ContentSample {
  /** Hex of the 8 bytes. */
  seriesId: string;
  timeUs: TimeUs;
  /** Undefined when stale. */
  value: number | undefined;
  unverified: boolean;
}

/** A piece with its bytes as hex, and with the id of its series instead of its fingerprint. */
export interface ContentPiece extends Omit<
  Piece,
  'fingerprint' | 'histogram' | 'distinct' | 'inputs'
> {
  seriesId: string;
  partition: number;
  histogram?: string | undefined;
  distinct?: string | undefined;
  inputs?: string | undefined;
}

/** Samples of one disposition, of which the reason is known. */
export interface LedgerReason {
  tenant: string;
  disposition: string;
  reason: string;
  samples: number;
}

/** One database of a store, empty at first, that stores are opened on and that can be looked at. */
export interface StoreHarness {
  open(): Store & { acceptLog(key: MarkKey): Promise<void> };
  contents(): Promise<StoreContents>;
  /** With `lost`, and without reasons. */
  ledger(partition: number): Promise<LedgerTotals[]>;
  /** Sorted by tenant, disposition, reason. */
  reasons(partition: number): Promise<LedgerReason[]>;
  dispose(): Promise<void>;
}
