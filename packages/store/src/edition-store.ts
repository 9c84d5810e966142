import type { TimeUs } from '@millrace/model';

/** Windows that start in [fromUs, untilUs). */
export interface StartRange {
  /** -Infinity: since ever. */
  fromUs: TimeUs;
  /** Infinity: until another edition takes over. */
  untilUs: TimeUs;
}

/** How far a candidate's past is folded in one partition. */
export interface JobProgress {
  partition: number;
  logId: string;
  hasEnded: boolean;
  /** Nothing more is taken of it: it has ended, or its candidate was promoted before, or dropped. */
  isClosed: boolean;
  /** Position in the events log below which its results are stored; 0: none is yet. */
  position: number;
  /** Position of the barrier that began the candidate: there the job ends. */
  endPosition: number;
}

/** What an edition takes up in the store. */
export interface EditionSize {
  /** Pieces of windows. */
  rows: number;
  series: number;
  bytes: number;
}

export interface ListedEdition {
  edition: number;
  rule: string;
  /** The rule as a person wrote it, as JSON. */
  definition: string;
  widthsUs: TimeUs[];
  aggregates: string[];
  /** The candidate that it was begun for; undefined: it was in force at once. */
  candidate: number | undefined;
  createdAtUs: TimeUs;
  /** Its rows that are not served are deleted, and what comes later of them. */
  isDropped: boolean;
  /** For which windows it is shown, the oldest first; empty: for none. */
  served: StartRange[];
  /** In how many partitions live folding began it, and in how many it has to. */
  begun: number;
  partitions: number;
  /** In how many of them it ended. */
  ended: number;
  /**
   * From which window start on windows of each width are whole: folded by jobs, or live.
   * Undefined: from nowhere yet. -Infinity: since ever, of a rule's first edition.
   */
  whole: { widthUs: TimeUs; fromUs: TimeUs | undefined }[];
  /** Asked for; counting reads all windows once. */
  size?: EditionSize;
}

/** What is served of one rule after a promotion. */
export interface PromotedRule {
  rule: string;
  /** Undefined: the rule is not among those promoted, and nothing is shown of it from there on. */
  edition: number | undefined;
  /** The first window start for which it is shown. */
  fromUs: TimeUs;
}

export interface ListedPromotion {
  /** The version that brought the editions into force. */
  version: number;
  promotedAtUs: TimeUs;
  rules: PromotedRule[];
}

export interface EditionList {
  /** By number. */
  editions: ListedEdition[];
  /** Promotions that are not rolled back, the newest last. */
  promotions: ListedPromotion[];
  /** By candidate: one for each partition that has begun the candidate. */
  jobs: ReadonlyMap<number, JobProgress[]>;
}

export interface Promotion {
  /** The number of the version that brings (or brought) the editions into force. */
  version: number;
  /**
   * Editions of all its rules; those that drop have none. Rules that are served and have no
   * edition among these are shown no more from there on.
   */
  editions: readonly number[];
  /**
   * Windows that hold this time, and later ones, are shown of these editions. Undefined: from the
   * earliest time on that works, of each rule.
   */
  fromUs: TimeUs | undefined;
}

/** Which windows two editions are compared by: the whole ones that start in the range. */
export interface DiffParams extends StartRange {
  before: number;
  after: number;
  /** How many of the largest relative changes are told. */
  changesMax: number;
}

export interface DiffCounts {
  /** In the second edition only. */
  added: number;
  /** In the first edition only. */
  removed: number;
  changed: number;
  equal: number;
}

export interface DiffChange {
  tenant: string;
  metric: string;
  labels: Record<string, string>;
  widthUs: TimeUs;
  startUs: TimeUs;
  column: string;
  /** Undefined: NULL there. */
  before: number | undefined;
  after: number | undefined;
  /** |after − before| / max(|before|, |after|); 1 where only one of them is a number. */
  relative: number;
}

export interface EditionDiff {
  /** Windows of one series, width and start each, with their pieces merged. */
  windows: DiffCounts;
  /** A series has changed when a window of it was added, removed or changed. */
  series: DiffCounts;
  /** The largest first. */
  changes: DiffChange[];
  /** Windows that were left out: still growing, or partial in one of the editions. */
  leftOut: { incomplete: number; partial: number };
  /** Of windows that start in the range. */
  before: EditionSize;
  after: EditionSize;
}

export interface DropProgress {
  /** Rows deleted so far. */
  rows: number;
}

/**
 * What a person does with editions: sees them, compares them, decides which are shown. Readers of
 * `series_windows` see all of a promotion or nothing of it.
 */
export interface EditionStore {
  list(options?: Readonly<{ withSizes?: boolean }>): Promise<EditionList>;

  /**
   * Reads windows only, never raw samples.
   *
   * @throws StoreError EDITION_UNKNOWN
   */
  diff(params: DiffParams): Promise<EditionDiff>;

  /**
   * What `promote` would do now, or why it would not: nothing is changed. To be asked before the
   * rules are changed in the log. Rejects as `promote` does.
   */
  rehearse(promotion: Omit<Promotion, 'version'>): Promise<PromotedRule[]>;

  /**
   * Shows editions in place of those that are served: one transaction, durable when this resolves.
   * May be repeated with the same version: what is promoted stays as it is, and is told again.
   *
   * @throws StoreError EDITION_UNKNOWN (transient: its first entry is not stored yet),
   *   JOBS_NOT_ENDED (transient: tells which partitions, and how far they are),
   *   EDITION_NOT_COVERED (tells the earliest time that would work),
   *   EDITION_OVERTAKEN (rules applied later than the version are shown from an earlier time on),
   *   EDITION_DROPPED.
   */
  promote(promotion: Promotion): Promise<PromotedRule[]>;

  /**
   * Takes the promotion of a version back: what was served before it is served again. One
   * transaction. Resolves with what it had shown; empty when there is no such promotion (any more),
   * so that it may be repeated.
   *
   * @throws StoreError EDITION_OVERTAKEN (rules were applied or promoted later), EDITION_DROPPED
   *   (what was served before it is not there any more).
   */
  rollBack(params: Readonly<{ version: number }>): Promise<PromotedRule[]>;

  /**
   * Deletes the rows of editions, in bounded steps, each in a transaction of its own; what comes
   * later of them is deleted by upkeep. Windows for which an edition is served stay. May be
   * repeated, and has to be when it was interrupted. Resolves with the rows deleted this time.
   *
   * @throws StoreError EDITION_SERVED (one of them is what is shown of its rule from now on),
   *   EDITION_UNKNOWN (transient: its first entry is not stored yet): then nothing is dropped.
   */
  drop(
    params: Readonly<{
      editions: readonly number[];
      signal?: AbortSignal;
      onProgress?: (progress: DropProgress) => void;
    }>,
  ): Promise<DropProgress>;

  close(): Promise<void>;
}
