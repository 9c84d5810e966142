/** Bounds of a Redis state store. */
export interface RedisStateSettings {
  /** How long a call waits for a connection that is not there. */
  connectMsMax: number;
  /** How long an answer may take, beside the time for the bytes under way. */
  answerMsMax: number;
  /** A slower way to Redis than this counts as broken. */
  bytesPerMsMin: number;
  /** The pause before the first attempt to connect again; it doubles. */
  reconnectMsMin: number;
  /** Up to this one. */
  reconnectMsMax: number;
  /** A commit with more is refused: Redis holds it a few times over while it runs. */
  commitBytesMax: number;
  /** Pages are read in answers of about this size: Redis serves nobody else meanwhile. */
  answerBytes: number;
  /** How often a load begins anew because a commit came in between. */
  loadAttemptsMax: number;
}

export const REDIS_STATE_DEFAULTS: Readonly<RedisStateSettings> = {
  connectMsMax: 3_000,
  answerMsMax: 10_000,
  bytesPerMsMin: 10_000,
  reconnectMsMin: 50,
  reconnectMsMax: 2_000,
  commitBytesMax: 512 * 1024 * 1024,
  answerBytes: 4 * 1024 * 1024,
  loadAttemptsMax: 5,
};
