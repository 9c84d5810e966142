import type { TimeUs } from '@millrace/model';

/** Which marked windows are to be completed, and what that may take. */
export interface CompleteSettings {
  /** Windows that hold a time of [sinceUs, untilUs); undefined: from the oldest, up to the newest. */
  sinceUs: TimeUs | undefined;
  untilUs: TimeUs | undefined;
  /** Undefined: those of all rules, of all tenants. */
  rules: readonly string[] | undefined;
  tenant: string | undefined;
  /** Also windows that were computed again already, and show so: someone has changed their rows. */
  isAgain: boolean;
  /** Windows that are computed together: the log is read once for all of them. */
  windowsMax: number;
  /** Samples held in memory at once, at about 40 bytes each: more of them take more rounds. */
  samplesMax: number;
  /** Request parts and ids of events that are told from one another; they take 30 bytes each. */
  identitiesMax: number;
  /** How long to wait for records that the store has and the log does not show yet. */
  logWaitMsMax: number;
}

export const COMPLETE_DEFAULTS: CompleteSettings = {
  sinceUs: undefined,
  untilUs: undefined,
  rules: undefined,
  tenant: undefined,
  isAgain: false,
  windowsMax: 50_000,
  samplesMax: 8_000_000,
  identitiesMax: 8_000_000,
  logWaitMsMax: 10_000,
};

/** What takes little memory and few rows at a time: nobody waits for it. */
export const SCHEDULED_DEFAULTS: CompleteSettings = {
  ...COMPLETE_DEFAULTS,
  windowsMax: 20_000,
  samplesMax: 1_000_000,
  identitiesMax: 2_000_000,
};
