import type { LedgerTotals, Piece, TimeUs } from '@millrace/model';
import type {
  DeadLetterEntry,
  DefinitionEntry,
  EditionEntry,
  ExemplarEntry,
  UnverifiedEntry,
} from '@millrace/wire';
import type { CompleteWindow, FailedWindow } from '../completion-store.ts';
import type { StoredMark } from '../store.ts';
import type { ExpiredNote } from '../retention/stored-expiry.ts';
import type {
  StoredEditionEnd,
  StoredEditionStart,
  StoredJobEnd,
  StoredMetadata,
  StoredTotals,
} from '../reader-rows.ts';
import { ServedEditions } from './served-editions.ts';

export interface MemorySample {
  /** Hex of the 8 bytes. */
  seriesId: string;
  timeUs: TimeUs;
  /** Undefined when stale. */
  value: number | undefined;
  unverified: boolean;
}

export interface MemoryHistogram extends Omit<MemorySample, 'value'> {
  histogram: Uint8Array | undefined;
}

export interface MemoryPiece extends Piece {
  partition: number;
}

export interface MemoryLetter extends DeadLetterEntry {
  logId: string;
  partition: number;
  /** What it is of, where that is no sample. */
  entry?: string;
  isRedriven?: boolean;
}

type LetterMove =
  'unverifiedToDeadLetter' | 'storedToDeadLetter' | 'deadLetterToDuplicate' | 'deadLetterToDropped';

/** Nothing is refused here: what concerns letters is set by tests. */
export interface MemoryMoves extends Partial<Pick<StoredTotals, LetterMove>> {
  stored: number;
  duplicate: number;
}

export interface MemoryReason {
  tenant: string;
  disposition: string;
  reason: string;
  samples: number;
}

export interface MemoryCompleteWindow extends CompleteWindow {
  run: number;
}

export interface MemoryMark extends StoredMark {
  partition: number;
  source: string;
  isOpen: boolean;
  position: number | undefined;
  partitionTimeUs: TimeUs | undefined;
  watermarkUs: TimeUs | undefined;
}

/** What memory stores keep, in the shapes in which it arrived. Outlives the stores on it. */
export class MemoryStoreDatabase {
  marks: MemoryMark[] = [];
  samples: MemorySample[] = [];
  /** Samples by `seriesId timeUs`: what is there when an unverified one comes. */
  readonly sampleKeys: Set<string> = new Set();
  histograms: MemoryHistogram[] = [];
  readonly histogramKeys: Set<string> = new Set();
  exemplars: ExemplarEntry[] = [];
  readonly definitions: Map<string, DefinitionEntry> = new Map();
  readonly metadata: Map<string, StoredMetadata> = new Map();
  readonly open: Map<string, MemoryPiece> = new Map();
  finals: MemoryPiece[] = [];
  /** When a series was first seen, by its id. */
  readonly firstSeen: Map<string, TimeUs> = new Map();
  /** Windows that were computed again, by `edition seriesId widthUs startUs`. */
  readonly complete: Map<string, MemoryCompleteWindow> = new Map();
  /** Windows that could not be, by the same. */
  readonly notCompletable: Map<string, FailedWindow & { run: number }> = new Map();
  /** Runs of complete mode so far, and whether one is under way. */
  readonly completion: { runs: number; isUnderWay: boolean } = { runs: 0, isUnderWay: false };
  unverified: (UnverifiedEntry & { partition: number })[] = [];
  deadLetters: MemoryLetter[] = [];
  /** Nothing expires by itself here. */
  readonly expired: ExpiredNote[] = [];
  /** Tenants of whom it is noted apart. */
  readonly expiredApart: string[] = [];
  readonly editions: Map<number, EditionEntry> = new Map();
  /** Where editions began and ended. */
  editionStarts: StoredEditionStart[] = [];
  editionEnds: StoredEditionEnd[] = [];
  jobEnds: StoredJobEnd[] = [];
  /** The served edition by rule. */
  readonly served: Map<string, number> = new Map();
  /** Which edition is shown for which windows. */
  readonly shown: ServedEditions = new ServedEditions();
  /** By `logId partition tenant`. */
  readonly totals: Map<string, LedgerTotals & { partition: number }> = new Map();
  /** Unverified samples that turned out stored or duplicate, and letters, under the same keys. */
  readonly moves: Map<string, MemoryMoves> = new Map();

  /** The ledger of a partition, as the SQL view of that name shows it. */
  ledger(partition: number): LedgerTotals[] {
    const rows = new Map<string, LedgerTotals>();
    for (const [key, totals] of this.totals) {
      if (totals.partition !== partition) continue;
      const moves = this.moves.get(key) ?? { stored: 0, duplicate: 0 };
      const stored = Math.min(moves.stored, totals.unverified);
      const duplicate = Math.min(moves.duplicate, totals.unverified - stored);
      const sum = rows.get(totals.tenant);
      rows.set(totals.tenant, {
        tenant: totals.tenant,
        accepted: totals.accepted + (sum?.accepted ?? 0),
        stored: totals.stored + stored + (sum?.stored ?? 0),
        duplicate: totals.duplicate + duplicate + (sum?.duplicate ?? 0),
        conflict: totals.conflict + (sum?.conflict ?? 0),
        dropped: totals.dropped + (sum?.dropped ?? 0),
        unverified: totals.unverified - stored - duplicate + (sum?.unverified ?? 0),
        deadLetter: totals.deadLetter + (sum?.deadLetter ?? 0),
        lost: (totals.lost ?? 0) + (sum?.lost ?? 0),
      });
    }
    return [...rows.values()];
  }

  /** As the SQL view `ledger_reasons` shows them, sorted. */
  reasons(partition: number): MemoryReason[] {
    const rows = new Map<string, MemoryReason>();
    const add = (tenant: string, disposition: string, reason: string, samples: number): void => {
      const key = [tenant, disposition, reason].join(' ');
      const before = rows.get(key)?.samples ?? 0;
      rows.set(key, { tenant, disposition, reason, samples: before + samples });
    };
    for (const { partition: at, tenant, droppedBy = [] } of this.totals.values()) {
      if (at !== partition) continue;
      for (const [rule, samples] of droppedBy) add(tenant, 'dropped', rule, samples);
    }
    for (const { partition: at, tenant, reason } of this.deadLetters) {
      if (at === partition) add(tenant, 'dead_letter', reason, 1);
    }
    const keys = [...rows.keys()].sort();
    return keys.map((key) => rows.get(key)!);
  }
}
