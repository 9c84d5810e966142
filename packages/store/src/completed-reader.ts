import type {
  CompleteWindow,
  MarkedScope,
  MarkedWindow,
  MarkedWindows,
  WindowName,
} from './completion-store.ts';
import type { ReadScope } from './reader-rows.ts';

/** A row of `windows_complete`. */
export interface StoredCompleteWindow extends CompleteWindow {
  run: number;
}

/** A window that was asked for by its name. */
export interface LookedWindow extends MarkedWindow {
  /** There is a row of it in `windows_complete`, of now or of before. */
  hasRow: boolean;
  /** One of its pieces is marked, whatever shows. */
  hasMark: boolean;
  /** What its pieces say together; undefined: nothing. */
  increase: number | undefined;
}

export interface LookedWindows extends MarkedWindows {
  windows: readonly LookedWindow[];
}

/** What is known of windows that were computed again, all of it as of one moment. */
export interface CompletedReader {
  /** The scope's times are those of window starts. */
  completed(scope: ReadScope): AsyncIterable<readonly StoredCompleteWindow[]>;
  /** Windows that are named, marked or not: those of them that have pieces. */
  look(names: readonly WindowName[]): Promise<LookedWindows>;
  /** As a run finds them. */
  marked(scope: MarkedScope): Promise<MarkedWindows>;
  /**
   * Which of the rows, by their places, may not be what they would be now: to a window of the same
   * series and width before theirs something has come since their run that nobody has looked at.
   */
  changedBefore(rows: readonly (WindowName & { run: number })[]): Promise<ReadonlySet<number>>;
}
