import type { Piece, TimeUs } from '@millrace/model';
import type { StoredEditions, StoredPosition } from './reader-rows.ts';

/** What names a window of a series in an edition. */
export interface WindowName {
  edition: number;
  /** 8 bytes. */
  seriesId: Uint8Array;
  widthUs: TimeUs;
  startUs: TimeUs;
}

/** A window, and what its pieces are in one moment. */
export interface MarkedWindow extends WindowName {
  /** Of each partition that has pieces of it, by number, the name of the first one. */
  firsts: readonly Readonly<{ partition: number; piece: number }>[];
  pieces: number;
  /** The sum of their counts. */
  samples: number;
  /** One of them may still change. */
  isOpen: boolean;
  isMarked: boolean;
  /** It was computed again as it is now, and has more inputs than a window may remember. */
  isBounded: boolean;
}

/** Which marked windows are looked for. */
export interface MarkedScope {
  /** Windows that hold a time of [fromUs, untilUs); infinities are legal. */
  fromUs: TimeUs;
  untilUs: TimeUs;
  /** Undefined: all. */
  rules: readonly string[] | undefined;
  tenant: string | undefined;
  /** Only windows behind this one, in the order of start, series, width and edition. */
  after: WindowName | undefined;
  windowsMax: number;
  /** Also those that were computed again and show so, whatever they hold. */
  isAgain: boolean;
  /** None that could not be computed as it is now, see `fail`. */
  isOnlyNew: boolean;
}

/** What was committed at one moment. */
export interface MarkedWindows {
  /** By start; as many as `windowsMax` when there may be more. */
  windows: readonly MarkedWindow[];
  positions: readonly StoredPosition[];
  editions: StoredEditions;
  /** The smallest one of all partitions; -Infinity until each has told its own. */
  watermarkUs: TimeUs;
}

/** A window computed again, from all samples there are. */
export interface CompleteWindow extends WindowName, Omit<Piece, 'fingerprint' | 'piece'> {
  /** Of the `MarkedWindow` that it was computed for. */
  pieces: number;
  samples: number;
}

/** A window that cannot be computed as it is. */
export interface FailedWindow extends WindowName {
  /** Of the `MarkedWindow`. */
  pieces: number;
  samples: number;
  reason: string;
}

/** What came of a run. */
export interface CompletionCounts {
  marked: number;
  completed: number;
  notOver: number;
  notCompletable: number;
}

/** A run of complete mode: there is one at a time, unless the connection of one was lost. */
export interface CompletionRun {
  /** Greater than that of every run before. */
  readonly run: number;
  marked(scope: MarkedScope): Promise<MarkedWindows>;
  /** The same of windows that are named, marked or not: those of them that have pieces. */
  look(names: readonly WindowName[]): Promise<MarkedWindows>;
  /**
   * Puts rows in place of earlier ones, some at a time, each time in one transaction. A row of a
   * later run stays. May be repeated. Resolves with how many there are of this run.
   */
  replace(windows: readonly CompleteWindow[]): Promise<number>;
  /** Notes why windows cannot be computed as they are. May be repeated. */
  fail(windows: readonly FailedWindow[]): Promise<void>;
  /** Notes what came of it, and lets the next one begin. */
  end(counts: CompletionCounts, problem?: string): Promise<void>;
}

/** Where windows that were computed again are kept. */
export interface CompletionStore {
  /** Undefined: another run is under way. */
  begin(params: Readonly<{ isScheduled: boolean }>): Promise<CompletionRun | undefined>;
  close(): Promise<void>;
}
