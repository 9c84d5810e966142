/** How jobs go about their work. Nothing here changes what they put out. */
export interface JobSettings {
  /** Jobs that fold at a time; each holds the state of its partition. */
  atOnceMax: number;
  /** After so long it lets others have their turn: live folding may be in the same thread. */
  sliceMs: number;
  /** Bytes of records read in one go. */
  pollBytesMax: number;
  /** State is committed this often: it only shortens recovery. */
  commitMs: number;
  /** Bytes of entries in one record of `metrics.series`. */
  recordBytesMax: number;
  /** Bytes of entries that may wait to be published before folding waits. */
  pendingBytesMax: number;
  /**
   * Bytes of entries that each job publishes in a second: what is folded as it arrives has to get
   * through the same topic to the same store. So many may come at once.
   */
  publishedBytesPerSecondMax: number;
  /** How often it is looked which jobs there are to be, and how. */
  followMs: number;
  /** How often a log line says how far a job is. */
  tellMs: number;
  /** A job that stopped for a reason that no retry mends is looked at again this often. */
  lookAgainMs: number;
  /** How long `stop` waits for what is under way. */
  stopMsMax: number;
}

export const DEFAULT_JOB_SETTINGS: JobSettings = {
  atOnceMax: 1,
  sliceMs: 10,
  pollBytesMax: 1_048_576,
  commitMs: 5000,
  recordBytesMax: 400_000,
  pendingBytesMax: 4_194_304,
  publishedBytesPerSecondMax: 4_194_304,
  followMs: 1000,
  tellMs: 30_000,
  lookAgainMs: 30_000,
  stopMsMax: 10_000,
};
