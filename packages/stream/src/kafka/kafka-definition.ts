import { readFileSync } from 'node:fs';
import {
  choice,
  durationMs,
  errorText,
  flag,
  MillraceError,
  optionalText,
  requiredText,
  text,
  type Setting,
  type SettingsDefinition,
} from '@millrace/runtime';
import { DEFAULT_KAFKA_GROUP_SETTINGS } from './group/kafka-group-settings.ts';
import {
  DEFAULT_KAFKA_SETTINGS,
  parseBrokers,
  type KafkaConnection,
  type KafkaSasl,
  type KafkaSettings,
} from './client/kafka-settings.ts';

/** Where the log is, as people say it: the section `kafka` of a process's settings. */
export interface KafkaSection {
  /** `host:port` of some brokers, separated by commas. */
  brokers: string;
  topicPrefix: string;
  tls: boolean;
  tlsCaFile: string | undefined;
  saslMechanism: 'none' | KafkaSasl['mechanism'];
  saslUsername: string;
  saslPassword: string | undefined;
  /** A process that was silent for so long has lost its partitions. */
  sessionMs: number;
  compression: KafkaSettings['compression'];
  /** How long the log keeps records that are stored. */
  retentionMs: number;
}

const SECOND_MS = 1000;

const secret = (setting: Setting<string | undefined>): Setting<string | undefined> => ({
  ...setting,
  secret: true,
});

export const kafkaDefinition: SettingsDefinition<KafkaSection> = {
  brokers: requiredText({
    aliases: ['KAFKA_BROKERS'],
    help: 'The Kafka brokers: host:port of one or more, separated by commas.',
  }),
  topicPrefix: text({ default: '', help: 'Begins the names of all topics and groups.' }),
  tls: flag({ default: false, help: 'Whether the brokers are spoken to through TLS.' }),
  tlsCaFile: optionalText({ help: 'The authority of their certificates, in PEM.' }),
  saslMechanism: choice({
    default: 'none',
    of: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    help: 'How a process says who it is.',
  }),
  saslUsername: text({ default: '', help: 'Who it is.' }),
  saslPassword: secret(optionalText({ help: 'The password of that user.' })),
  sessionMs: durationMs({
    default: DEFAULT_KAFKA_GROUP_SETTINGS.sessionMs,
    min: SECOND_MS,
    max: 3600 * SECOND_MS,
    help: 'How long a silent process keeps its partitions.',
  }),
  compression: choice({
    default: DEFAULT_KAFKA_SETTINGS.compression,
    of: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    help: 'What is appended is compressed with this; readers know all of them.',
  }),
  retentionMs: durationMs({
    default: DEFAULT_KAFKA_SETTINGS.retentionMs,
    min: 60 * SECOND_MS,
    max: 3650 * 24 * 3600 * SECOND_MS,
    help: 'How long the log keeps records that are stored.',
  }),
};

/**
 * How the adapter reaches these brokers.
 *
 * @throws StreamError STREAM_ADDRESS; MillraceError SETTING_TLS_CA_FILE.
 */
export function kafkaConnectionOf(section: KafkaSection, clientId: string): KafkaConnection {
  const { saslMechanism: mechanism, saslUsername: username, saslPassword: password } = section;
  return {
    brokers: parseBrokers(section.brokers),
    clientId,
    ...(section.tls ? { ssl: tlsOf(section) } : {}),
    ...(mechanism === 'none' ? {} : { sasl: { mechanism, username, password: password ?? '' } }),
  };
}

function tlsOf({ tlsCaFile }: KafkaSection): NonNullable<KafkaConnection['ssl']> {
  if (tlsCaFile === undefined) return true;
  try {
    return { ca: readFileSync(tlsCaFile, 'utf8') };
  } catch (error) {
    throw new MillraceError({
      code: 'SETTING_TLS_CA_FILE',
      kind: 'permanent',
      message: `${tlsCaFile} cannot be read (${errorText(error)}). Nothing was started.`,
      remedy: 'Name a readable PEM file with MILLRACE_KAFKA__TLS_CA_FILE.',
      cause: error,
    });
  }
}
