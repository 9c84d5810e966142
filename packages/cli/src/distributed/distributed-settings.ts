import {
  choice,
  optionalInteger,
  optionalText,
  processDefinition,
  readSettings,
  SHARED_SECTIONS,
  type LogLevel,
  type ReadSettings,
  type SettingsDefinition,
} from '@millrace/runtime';
import type { RedisSection } from '@millrace/state/redis';
import { redisDefinition } from '@millrace/state/redis';
import {
  optionalStoreDefinition,
  type HypertablesSetting,
  type OptionalStoreSection,
} from '@millrace/store/timescale';
import { kafkaDefinition, type KafkaSection } from '@millrace/stream/kafka';

type Environment = Readonly<Record<string, string | undefined>>;

/** What commands need to know of an installation on Kafka, Redis and TimescaleDB. */
export interface DistributedSettings {
  kafka: KafkaSection;
  /** Undefined: what only Redis knows is not told. */
  redis: Omit<RedisSection, 'url'> & { url: string | undefined };
  store: OptionalStoreSection & { hypertables: HypertablesSetting };
  /** P of a new log; undefined: that of topics that are there, else the usual one. */
  partitions: number | undefined;
  /** Copies of each partition of new topics. */
  replicas: number | undefined;
  /** The rule file of a new log. */
  config: string | undefined;
  logging: { level: LogLevel };
}

const definition: SettingsDefinition<DistributedSettings> = {
  kafka: kafkaDefinition,
  redis: {
    ...redisDefinition,
    url: {
      ...optionalText({ help: redisDefinition.url.help, aliases: ['REDIS_URL'] }),
      secret: true,
    },
  },
  store: {
    ...optionalStoreDefinition,
    hypertables: choice({
      default: 'auto',
      of: ['auto', 'require', 'off'],
      help: 'How an empty database is laid out: hypertables where they can be had, or not.',
    }),
  },
  partitions: optionalInteger({
    default: undefined,
    min: 1,
    max: 64,
    help: 'Partitions of a new log (12); that of an existing one cannot be changed.',
  }),
  replicas: optionalInteger({
    default: undefined,
    min: 1,
    max: 32,
    help: 'Copies of each partition of new topics: 3, or as many as there are brokers.',
  }),
  config: optionalText({ help: 'The rule file: millrace.yaml of the working directory, if any.' }),
  logging: { level: processDefinition.logging.level },
};

/** @throws MillraceError SETTING_…. */
export function readDistributedSettings(environment: Environment): DistributedSettings {
  return readCommandSettings(environment).settings;
}

/** The same with where each comes from. @throws MillraceError SETTING_…. */
export function readCommandSettings(environment: Environment): ReadSettings<DistributedSettings> {
  const others = [...SHARED_SECTIONS, 'http', 'insecure', 'stopMsMax', 'logging', 'dataDir'];
  return readSettings(definition, environment, { otherSections: others });
}
