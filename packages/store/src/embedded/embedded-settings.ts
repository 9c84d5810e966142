export interface EmbeddedPostgresSettings {
  sharedBuffersMb: number;
  /** Recovery after a crash reads the write-ahead log again: be generous. */
  startTimeoutMs: number;
  /** How long a clean stop may take before connections are cut and recovery is left to later. */
  stopTimeoutMs: number;
  /** The server's own log; one full file of it is kept beside the current one. */
  logBytesMax: number;
}

export const EMBEDDED_POSTGRES_DEFAULTS: EmbeddedPostgresSettings = {
  sharedBuffersMb: 128,
  startTimeoutMs: 300_000,
  stopTimeoutMs: 10_000,
  logBytesMax: 4 * 1024 * 1024,
};
