/** What an audit is asked to do. */
export interface AuditSettings {
  /**
   * Samples with times in [sinceUs, untilUs); undefined: from the oldest, up to the newest. Of a
   * deep audit, `sinceUs` is when something came, whatever its time: it begins with the newest
   * checkpoint of before then.
   */
  sinceUs: number | undefined;
  untilUs: number | undefined;
  /** Only what is wrong with this one is told. */
  tenant: string | undefined;
  partition: number | undefined;
  /** Samples that are held in memory at once, at about 40 bytes each: more takes more rounds. */
  samplesMax: number;
  /** Folds the log again, and compares all that comes out. */
  isDeep: boolean;
  /** How long to wait for records that the store has and the log does not show yet. */
  logWaitMsMax: number;
}

export const AUDIT_DEFAULTS: AuditSettings = {
  sinceUs: undefined,
  untilUs: undefined,
  tenant: undefined,
  partition: undefined,
  samplesMax: 12_000_000,
  isDeep: false,
  logWaitMsMax: 10_000,
};
