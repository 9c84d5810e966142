import { MillraceError } from '@millrace/runtime';
import { DEFAULT_LABEL_LIMITS, type LabelLimits } from '@millrace/wire';

/** Every bound of the receiver, its unit in its name. */
export interface ReceiverSettings {
  host: string;
  /** 0: the system picks a free one, which `listen` tells. */
  port: number;

  /** A request's body as it comes over the wire. */
  requestBytesMax: number;
  /** The same body without its compression. */
  decodedBytesMax: number;
  /** Bytes of all requests that are not answered yet; beyond, 503. */
  inFlightBytesMax: number;
  /** While the oldest append waits longer than this for its flush, new requests get 503. */
  appendAgeMsMax: number;
  /** A request whose append takes longer is answered 503; the record may still appear. */
  appendTimeoutMs: number;
  /** Bytes of appends under way beyond which a big request waits with its next parts. */
  appendBytesMax: number;
  /** So long after a failed append `/readyz` says no, unless another one succeeded since. */
  unreadyAfterFailureMs: number;
  /** What a sender is told to wait after a 503, in seconds. */
  retryAfterSeconds: number;

  headersTimeoutMs: number;
  /** From the first byte of a request to the last of its body. */
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  connectionsMax: number;
  /** How long `stop` waits for requests under way before it closes their connections. */
  stopMsMax: number;

  /** A part's bytes, by a measure that is never less than the record's; its header comes on top. */
  partBytesMax: number;
  labelLimits: LabelLimits;
  /** A native histogram in its canonical bytes. */
  histogramBytesMax: number;
  /** A sample may lie this far ahead of its arrival. */
  futureSkewMs: number;
  /** How long the transformer recognises a retry; only told in answers. */
  identityHorizonMs: number;
  /** An `Idempotency-Key` or `Millrace-Producer`, in bytes of UTF-8. */
  identityKeyBytesMax: number;

  /** Examples of each reason in an answer, and the characters of one. */
  rejectedExamplesMax: number;
  rejectedExampleLengthMax: number;

  /** Series whose fingerprints are remembered. */
  seriesCacheCountMax: number;
  seriesCacheBytesMax: number;

  /** Series numbers of one session of batches are below it; of all sessions; and how many. */
  sessionSeriesMax: number;
  sessionsSeriesMax: number;
  sessionsMax: number;

  /** A series' labels are left out of records for so long after the log got them; then again. */
  definitionIntervalMs: number;
  /** They come again sooner when so many others went to the same partition. */
  definitionsBetweenMax: number;

  /** How long `wait=stored` waits when the request does not say, and at most. */
  waitMsDefault: number;
  waitMsMax: number;
  /** Requests that wait for the store at once; beyond, they are told that it is not there yet. */
  waitersMax: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_RECEIVER_SETTINGS: ReceiverSettings = {
  host: '127.0.0.1',
  port: 9480,
  requestBytesMax: 32 * MIB,
  decodedBytesMax: 64 * MIB,
  inFlightBytesMax: 64 * MIB,
  appendAgeMsMax: 10_000,
  appendTimeoutMs: 30_000,
  appendBytesMax: 32 * MIB,
  // Longer than appendAgeMsMax: else a log that is away counts as ready between two rounds.
  unreadyAfterFailureMs: 15_000,
  retryAfterSeconds: 1,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  connectionsMax: 1000,
  stopMsMax: 10_000,
  partBytesMax: 800_000,
  labelLimits: DEFAULT_LABEL_LIMITS,
  histogramBytesMax: 64 * 1024,
  futureSkewMs: 5 * 60_000,
  identityHorizonMs: 6 * 3_600_000,
  identityKeyBytesMax: 256,
  rejectedExamplesMax: 3,
  rejectedExampleLengthMax: 200,
  seriesCacheCountMax: 2_000_000,
  seriesCacheBytesMax: 1024 * MIB,
  sessionSeriesMax: 1_000_000,
  sessionsSeriesMax: 4_000_000,
  sessionsMax: 10_000,
  definitionIntervalMs: 5 * 60_000,
  definitionsBetweenMax: 250_000,
  waitMsDefault: 5000,
  waitMsMax: 60_000,
  waitersMax: 1000,
};

/** Bytes of a record: what the log takes and what the header may need at most. */
const RECORD_BYTES_MAX = 900 * 1000;
const HEADER_BYTES_MAX = 4096;
/** A record counts the labels of a series in one byte, `__name__` among them. */
const LABELS_MAX = 254;
/** What remembers labels further on keeps them at least for an hour, by a clock of its own. */
const DEFINITION_INTERVAL_MS_MAX = 30 * 60_000;
/**
 * The number of a series that a record defines is not measured: it came later than the measure,
 * which has to stay as it is, for a retry must be cut like its request. A series and its sample
 * are measured with 64 bytes or more.
 */
const UNMEASURED_SHARE = 4 / 64;

/** The defaults with changes; throws when two settings contradict one another. */
export function receiverSettings(changes: Partial<ReceiverSettings> = {}): ReceiverSettings {
  const settings = { ...DEFAULT_RECEIVER_SETTINGS, ...changes };
  const { labelLimits } = settings;
  const labelBytes = labelLimits.labelNameBytesMax + labelLimits.labelValueBytesMax + 16;
  const seriesBytesMax =
    labelLimits.labelsMax * labelBytes + labelLimits.nameBytesMax + 64 + settings.histogramBytesMax;
  const { partBytesMax, waitMsDefault, waitMsMax } = settings;
  checkThat(
    partBytesMax * (1 + UNMEASURED_SHARE) <= RECORD_BYTES_MAX - HEADER_BYTES_MAX,
    `partBytesMax (${partBytesMax}) must leave room for a header in ${RECORD_BYTES_MAX}`,
  );
  checkThat(
    seriesBytesMax <= partBytesMax,
    `labelLimits and histogramBytesMax allow a sample of ${seriesBytesMax} bytes, ` +
      `more than partBytesMax (${partBytesMax})`,
  );
  checkThat(
    labelLimits.labelsMax <= LABELS_MAX,
    `labelLimits.labelsMax (${labelLimits.labelsMax}) must not exceed ${LABELS_MAX}`,
  );
  checkThat(
    settings.definitionIntervalMs <= DEFINITION_INTERVAL_MS_MAX,
    `definitionIntervalMs (${settings.definitionIntervalMs}) must not exceed ` +
      `${DEFINITION_INTERVAL_MS_MAX}, for series that are not defined again are forgotten`,
  );
  checkThat(
    waitMsDefault <= waitMsMax,
    `waitMsDefault (${waitMsDefault}) must not exceed waitMsMax (${waitMsMax})`,
  );
  return Object.freeze(settings);
}

function checkThat(holds: boolean, message: string): void {
  if (holds) return;
  throw new MillraceError({
    code: 'RECEIVER_SETTINGS',
    kind: 'permanent',
    message: `The receiver's settings contradict one another: ${message}. Nothing was started.`,
    remedy: 'Change one of the named settings.',
  });
}
