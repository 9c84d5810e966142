import type { TimeUs } from '@millrace/model';
import type { FoldSettings } from '../events/events-record.ts';

/**
 * The newest version of records; readers accept it and those before it. A later one is written
 * only for what an older program would understand wrongly: rules with candidates (2), and to which
 * archive the log is bound (3), where it would take the kind that it does not know for damage.
 */
export const CONTROL_RECORD_VERSION = 3;

/** Kinds of records in `metrics.control`. On the wire: never renumber. */
export const ControlRecordKind = {
  log: 0,
  edition: 1,
  rules: 2,
  acknowledgement: 3,
  jobs: 4,
  archive: 5,
} as const;

/** The first record: what cannot change as long as the log lives. The lowest offset wins. */
export interface ControlLogRecord {
  kind: typeof ControlRecordKind.log;
  /** Random, 16 bytes as hex. */
  logId: string;
  /** P: partitions of `metrics.events`, and so of `metrics.series`. */
  partitions: number;
  /**
   * What is added to a record's offset to get the number of an edition or a version. Milliseconds
   * of Unix time when the log was made, so that a store which goes on with another log never
   * meets a number again.
   */
  firstNumber: number;
}

/** One version of one rule. The record's offset, plus `firstNumber`, is the edition's number. */
export interface ControlEditionRecord {
  kind: typeof ControlRecordKind.edition;
  /** A compiled rule, as `@millrace/rules` reads it back; its own edition is left out. */
  rule: unknown;
}

/**
 * Which editions are in force from here on. The record's offset, plus `firstNumber`, is the
 * version's number, which barriers carry. One that does not follow the newest version before it
 * lost a race, and means nothing: so two who apply at once cannot both believe to have won.
 */
export interface ControlRulesRecord {
  kind: typeof ControlRecordKind.rules;
  /** Number of the version it replaces; 0: there was none. */
  after: number;
  /** Numbers of editions whose records are before this one, ascending. */
  editions: number[];
  foldVersion: number;
  settings: FoldSettings;
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  appliedAtUs: TimeUs;
  /** Rules that are folded beside, the oldest first. Absent: none. */
  candidates?: ControlCandidate[];
}

/** Rules whose editions are folded beside those in force, and not shown until they are promoted. */
export interface ControlCandidate {
  /**
   * The number of the version that began it; 0: it is this one. Of rules that were in force and
   * are kept, the number of the version that brought them.
   */
  number: number;
  /** Numbers of editions whose records are before this one, ascending. */
  editions: number[];
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  /**
   * Jobs fold the past into it: windows that hold this time, and all later ones, are whole.
   * Infinity: nothing of the past was asked for.
   */
  sinceUs: TimeUs;
  /**
   * Of one that begins here: how many samples a second each partition's job folds at most, until
   * something else is said. Absent: as many as it can.
   */
  samplesPerSecondMax?: number;
}

/** How the jobs of a candidate are to go on. The newest record about it counts. */
export interface ControlJobsRecord {
  kind: typeof ControlRecordKind.jobs;
  /** Its number. */
  candidate: number;
  isPaused: boolean;
  /** How many samples a second each partition's job folds at most; 0: as many as it can. */
  samplesPerSecondMax: number;
  changedAtUs: TimeUs;
}

/** What one partition of a log has lost, in all. */
export interface PartitionLoss {
  partition: number;
  /** Of the events partition, 16 bytes as hex: another log counts from 0. */
  logId: string;
  samples: number;
}

/**
 * Somebody has seen what the log lost: readiness is degraded by what it loses beyond that alone.
 * Changes no count and no rule.
 */
export interface ControlAcknowledgementRecord {
  kind: typeof ControlRecordKind.acknowledgement;
  losses: PartitionLoss[];
  /** What a person has to say about it. */
  note: string;
  acknowledgedAtUs: TimeUs;
}

/**
 * Which archive the log is bound to: it forgets nothing that is not there, whatever a process has
 * been set to. The first one counts, until a person says that it is forgotten.
 */
export interface ControlArchiveRecord {
  kind: typeof ControlRecordKind.archive;
  /** What lies in it says so, too: 16 bytes as hex; undefined: it is forgotten. */
  archiveId: string | undefined;
  /** Its address when it was bound, for people. */
  where: string;
  changedAtUs: TimeUs;
}

export type ControlRecord =
  | ControlLogRecord
  | ControlEditionRecord
  | ControlRulesRecord
  | ControlAcknowledgementRecord
  | ControlJobsRecord
  | ControlArchiveRecord;
