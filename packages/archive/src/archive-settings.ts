import {
  bytes,
  durationMs,
  flag,
  optionalText,
  text,
  type SettingsDefinition,
} from '@millrace/runtime';

/** The section `archive`, the same for all that write or read one. */
export interface ArchiveSection {
  /** Where it lies; undefined: there is none, and the log forgets as it always did. */
  url: string | undefined;
  /** A range is closed before its records would exceed so many bytes. */
  rangeBytesMax: number;
  /** A range is closed when its first record is so old, however small it is. */
  rangeMsMax: number;
  /** How often a checkpoint goes along, with which the past can be folded from there on. */
  checkpointMs: number;
  /** Whether the samples go along as rows, for people. */
  samplesTable: boolean;
  accessKeyId: string | undefined;
  secretAccessKey: string | undefined;
  sessionToken: string | undefined;
  region: string;
}

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

export const archiveDefinition: SettingsDefinition<ArchiveSection> = {
  url: optionalText({
    help:
      'Where the log is archived before it forgets: file:///… or ' +
      's3://bucket/prefix?endpoint=https://…; nowhere when it is not set.',
  }),
  rangeBytesMax: bytes({
    default: 32 * MIB,
    min: 64 * 1024,
    max: 512 * MIB,
    help:
      'A file of the archive holds so many bytes of records at most; of memory archiving takes ' +
      'twice as much, with archive.samplesTable six times, and reading three times.',
  }),
  rangeMsMax: durationMs({
    default: HOUR_MS,
    min: SECOND_MS,
    max: 7 * DAY_MS,
    help: 'So long it may take until a record is archived, when few come.',
  }),
  checkpointMs: durationMs({
    default: DAY_MS,
    min: SECOND_MS,
    max: 365 * DAY_MS,
    help: 'How often a checkpoint of each partition is archived too.',
  }),
  samplesTable: flag({
    default: false,
    help: 'Whether a file of samples lies beside the records of each range, a row each, for people.',
  }),
  accessKeyId: optionalText({
    aliases: ['AWS_ACCESS_KEY_ID'],
    help: 'Of the object store; for s3:// only.',
  }),
  secretAccessKey: {
    ...optionalText({
      aliases: ['AWS_SECRET_ACCESS_KEY'],
      help: 'Of the object store; for s3:// only.',
    }),
    secret: true,
  },
  sessionToken: {
    ...optionalText({
      aliases: ['AWS_SESSION_TOKEN'],
      help: 'Of the object store, when the keys are temporary ones.',
    }),
    secret: true,
  },
  region: text({
    default: 'us-east-1',
    aliases: ['AWS_REGION'],
    help: 'Of the object store; most that are not of AWS take any.',
  }),
};

/** For tools and tests; `url` is theirs to say. */
export const DEFAULT_RANGE_SETTINGS: Pick<
  ArchiveSection,
  'rangeBytesMax' | 'rangeMsMax' | 'checkpointMs' | 'samplesTable'
> = { rangeBytesMax: 32 * MIB, rangeMsMax: HOUR_MS, checkpointMs: DAY_MS, samplesTable: false };
