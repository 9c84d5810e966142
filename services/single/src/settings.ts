import {
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  MillraceError,
  optionalInteger,
  optionalText,
  readSettings,
  text,
  type EffectiveSetting,
  type LogLevel,
  type Setting,
  type SettingsDefinition,
} from '@millrace/runtime';
import { DEFAULT_RECEIVER_SETTINGS } from '@millrace/receiver';
import { RETENTION_DEFAULTS, type Retention } from '@millrace/store/postgres';
import { DEFAULT_STREAM_SETTINGS } from '@millrace/stream';
import { DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';

/** All that can be set of the one process; whatever is not here has its stage's default. */
export interface SingleSettings {
  /** Undefined: the usual one, see `chooseDataDirectory`. */
  dataDir: string | undefined;
  /** The rule file; undefined: `millrace.yaml` of the working directory, when it is there. */
  config: string | undefined;
  insecure: boolean;
  /** P, fixed for a log when it is made. */
  partitions: number;
  /** How long a clean stop may take in all. */
  stopMsMax: number;
  http: { host: string; port: number | undefined };
  logging: { level: LogLevel; format: 'text' | 'json' };
  log: {
    segmentBytes: number;
    retentionMs: number;
    retentionBytes: number;
    topicBytesMax: number;
  };
  receiver: {
    requestBytesMax: number;
    decodedBytesMax: number;
    inFlightBytesMax: number;
    connectionsMax: number;
  };
  transformer: { commitMs: number; tickMs: number };
  store: {
    /** Of somebody's own PostgreSQL; undefined: the embedded one. */
    url: string | undefined;
    sharedBuffersMb: number;
    /** How long what is kept. */
    retention: Retention;
  };
  selfMetrics: { intervalMs: number };
}

const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;
const TIB = KIB * GIB;
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

function retentionMs(name: keyof Retention, what: string): Setting<number> {
  const help = `How long the store keeps them. ${what}`;
  return durationMs({
    default: RETENTION_DEFAULTS[name],
    min: HOUR_MS,
    max: 36_500 * DAY_MS,
    help,
  });
}

const receiverDefinition: SettingsDefinition<SingleSettings['receiver']> = {
  requestBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.requestBytesMax,
    min: KIB,
    max: GIB,
    help: "A request's body as it comes over the wire.",
  }),
  decodedBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.decodedBytesMax,
    min: KIB,
    max: GIB,
    help: 'The same body without its compression.',
  }),
  inFlightBytesMax: bytes({
    default: DEFAULT_RECEIVER_SETTINGS.inFlightBytesMax,
    min: MIB,
    max: 64 * GIB,
    help: 'Bytes of all requests that are not answered yet; beyond, 503.',
  }),
  connectionsMax: integer({
    default: DEFAULT_RECEIVER_SETTINGS.connectionsMax,
    min: 1,
    max: 100_000,
    help: 'Connections of senders at once.',
  }),
};

export const singleDefinition: SettingsDefinition<SingleSettings> = {
  dataDir: optionalText({
    help: 'Where log, state and store lie: ./millrace-data, or /var/lib/millrace as root.',
  }),
  config: optionalText({ help: 'The rule file: millrace.yaml of the working directory, if any.' }),
  insecure: flag({
    default: false,
    help: 'Listen on other addresses than loopback although nobody has to log in.',
  }),
  partitions: integer({
    default: 4,
    min: 1,
    max: 64,
    help: 'Partitions of a new log; that of an existing one cannot be changed.',
  }),
  stopMsMax: durationMs({
    default: 10 * SECOND_MS,
    min: SECOND_MS,
    max: HOUR_MS,
    help: 'How long a clean stop may take; what is not done then is done at the next start.',
  }),
  http: {
    host: text({ default: '127.0.0.1', help: 'The address to listen on.' }),
    port: optionalInteger({
      default: undefined,
      min: 0,
      max: 65_535,
      aliases: ['PORT'],
      help: 'The port to listen on, 0 for any; 9480 or the next free one when it is not set.',
    }),
  },
  logging: {
    level: choice({
      default: 'info',
      of: ['debug', 'info', 'warn', 'error', 'silent'],
      help: 'The least important lines that are still written to standard error.',
    }),
    format: choice({ default: 'text', of: ['text', 'json'], help: 'Lines for people, or JSON.' }),
  },
  log: logDefinition,
  receiver: receiverDefinition,
  transformer: {
    commitMs: durationMs({
      default: DEFAULT_TRANSFORMER_SETTINGS.commitMs,
      min: 100,
      max: 60 * SECOND_MS,
      help: 'How often the state is committed; it only shortens recovery.',
    }),
    tickMs: durationMs({
      default: DEFAULT_TRANSFORMER_SETTINGS.tickMs,
      min: 10,
      max: 60 * SECOND_MS,
      help: 'How long a partition is idle before its time is moved on.',
    }),
  },
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
    retention: {
      rawMs: retentionMs('rawMs', 'Samples, histograms and exemplars.'),
      narrowWindowsMs: retentionMs('narrowWindowsMs', 'Windows narrower than an hour.'),
      wideWindowsMs: retentionMs('wideWindowsMs', 'Windows of an hour and more.'),
      deadLettersMs: retentionMs('deadLettersMs', 'Rows that the store refused.'),
    },
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

function checkHost({ http, insecure }: SingleSettings): void {
  if (insecure || isLoopback(http.host)) return;
  throw new MillraceError({
    code: 'CONFIG_INSECURE_HOST',
    kind: 'permanent',
    message:
      `${http.host} can be reached from other machines, and nobody has to log in yet: whoever ` +
      'reaches it could write. Nothing was started.',
    remedy: 'Listen on 127.0.0.1, or say --insecure (MILLRACE_INSECURE=true) when that is meant.',
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
