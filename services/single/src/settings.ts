import { archiveDefinition, type ArchiveSection } from '@millrace/archive';
import { checkpointDefinition, type CheckpointSection } from '@millrace/checkpoint';
import {
  bytes,
  checkHost,
  choice,
  durationMs,
  integer,
  optionalText,
  partitionsSetting,
  processDefinition,
  readSettings,
  type EffectiveSetting,
  type LoggingSettings,
  type ProcessSettings,
  type SettingsDefinition,
} from '@millrace/runtime';
import { receiverDefinition, type TunedReceiverSettings } from '@millrace/receiver';
import { completeDefinition, type CompleteSection } from '@millrace/store';
import { retentionDefinition, upkeepSetting, type Retention } from '@millrace/store/postgres';
import { DEFAULT_STREAM_SETTINGS } from '@millrace/stream';
import { transformerDefinition, type TunedTransformerSettings } from '@millrace/transformer';

/** All that can be set of the one process; whatever is not here has its stage's default. */
export interface SingleSettings extends Omit<ProcessSettings, 'logging'> {
  /** Undefined: the usual one, see `chooseDataDirectory`. */
  dataDir: string | undefined;
  /** The rule file; undefined: `millrace.yaml` of the working directory, when it is there. */
  config: string | undefined;
  /** P, fixed for a log when it is made. */
  partitions: number;
  logging: LoggingSettings;
  log: {
    segmentBytes: number;
    retentionMs: number;
    retentionBytes: number;
    topicBytesMax: number;
  };
  receiver: TunedReceiverSettings;
  transformer: TunedTransformerSettings;
  checkpoint: CheckpointSection;
  archive: ArchiveSection;
  complete: CompleteSection;
  store: {
    /** Of somebody's own PostgreSQL; undefined: the embedded one. */
    url: string | undefined;
    sharedBuffersMb: number;
    /** How long what is kept. */
    retention: Retention;
    upkeepMs: number;
  };
  selfMetrics: { intervalMs: number };
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

const logDefinition: SettingsDefinition<SingleSettings['log']> = {
  segmentBytes: bytes({
    default: DEFAULT_STREAM_SETTINGS.segmentBytes,
    min: MIB,
    max: GIB,
    help: 'A segment file of the log is closed before it would grow beyond this.',
  }),
  retentionMs: durationMs({
    default: DEFAULT_STREAM_SETTINGS.retentionMs,
    min: 60 * SECOND_MS,
    max: 3650 * DAY_MS,
    help: 'How long the log keeps records that are stored.',
  }),
  retentionBytes: bytes({
    default: DEFAULT_STREAM_SETTINGS.retentionBytes,
    min: 0,
    max: 1024 * TIB,
    help: 'Bytes of one partition beyond which stored records go earlier; 0: no such bound.',
  }),
  topicBytesMax: bytes({
    default: DEFAULT_STREAM_SETTINGS.topicBytesMax,
    min: 0,
    max: 1024 * TIB,
    help: 'Bytes of one topic beyond which senders are put off with 503; 0: the disk decides.',
  }),
};

export const singleDefinition: SettingsDefinition<SingleSettings> = {
  dataDir: optionalText({
    help: 'Where log, state and store lie: ./millrace-data, or /var/lib/millrace as root.',
  }),
  config: optionalText({ help: 'The rule file: millrace.yaml of the working directory, if any.' }),
  insecure: processDefinition.insecure,
  ...partitionsSetting(4),
  stopMsMax: processDefinition.stopMsMax,
  http: processDefinition.http,
  logging: {
    level: processDefinition.logging.level,
    format: choice({ default: 'text', of: ['text', 'json'], help: 'Lines for people, or JSON.' }),
  },
  log: logDefinition,
  receiver: receiverDefinition,
  transformer: transformerDefinition,
  checkpoint: checkpointDefinition,
  archive: archiveDefinition,
  complete: completeDefinition,
  store: {
    url: optionalText({
      aliases: ['DATABASE_URL'],
      help: 'A PostgreSQL of your own; the embedded one when it is not set.',
    }),
    sharedBuffersMb: integer({
      default: 128,
      min: 16,
      max: 65_536,
      help: 'Memory that the embedded PostgreSQL keeps pages in.',
    }),
    retention: retentionDefinition,
    upkeepMs: upkeepSetting,
  },
  selfMetrics: {
    intervalMs: durationMs({
      default: 10 * SECOND_MS,
      min: 100,
      max: HOUR_MS,
      help: 'How often our own metrics are fed through ourselves.',
    }),
  },
};

/**
 * @throws MillraceError SETTING_INVALID, SETTING_UNKNOWN or CONFIG_INSECURE_HOST.
 */
export function readSingleSettings(environment: Readonly<Record<string, string | undefined>>): {
  readonly settings: Readonly<SingleSettings>;
  readonly effective: readonly EffectiveSetting[];
} {
  const definition = { ...singleDefinition, store: secretUrl(singleDefinition.store) };
  const read = readSettings<SingleSettings>(definition, environment);
  checkHost(read.settings);
  return read;
}

/** A URL may hold a password: it is never printed. */
function secretUrl(
  store: SettingsDefinition<SingleSettings['store']>,
): SettingsDefinition<SingleSettings['store']> {
  return { ...store, url: { ...store.url, secret: true } };
}
