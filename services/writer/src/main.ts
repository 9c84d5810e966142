import {
  archiveDefinition,
  archivedToOf,
  ArchiveWatch,
  createControlBinding,
  openArchive,
  type ArchiveSection,
} from '@millrace/archive';
import {
  checkpointDefinition,
  CheckpointRetention,
  type CheckpointSection,
} from '@millrace/checkpoint';
import {
  checkHost,
  MillraceError,
  processDefinition,
  readSettings,
  runStageProcess,
  SHARED_SECTIONS,
  type Dependency,
  type HostedStage,
  type PartitionedStage,
  type ProcessSettings,
  type ReadSettings,
  type SettingsDefinition,
  type StageHost,
} from '@millrace/runtime';
import { heldByJobs, HistoryReader } from '@millrace/control';
import {
  openRedisStatePlaces,
  openRedisStateStore,
  redisDefinition,
  type RedisSection,
} from '@millrace/state/redis';
import {
  createTimescaleStore,
  migrateTimescale,
  storeDefinition,
  watchStore,
  type PostgresStore,
  type StoreSection,
} from '@millrace/store/timescale';
import { completeDefinition, type CompleteSection } from '@millrace/store';
import { createSharedStage, TOPIC_SERIES } from '@millrace/stream';
import {
  DEFAULT_KAFKA_GROUP_SETTINGS,
  kafkaConnectionOf,
  kafkaDefinition,
  kafkaGroups,
  kafkaTopics,
  openKafkaPartitionGroup,
  openKafkaStream,
  type KafkaSection,
} from '@millrace/stream/kafka';
import { keepExpiring } from './keep-expiring.ts';
import { releasingEvents } from './release-events.ts';
import { createWriter } from './writer.ts';

/** All that can be set of a process that only writes to the store. */
export interface WriterProcessSettings extends ProcessSettings {
  kafka: KafkaSection;
  /** Where the positions are up to which events are folded: the log may forget those. */
  redis: RedisSection;
  store: StoreSection;
  checkpoint: CheckpointSection;
  /** The log may forget what lies there. */
  archive: ArchiveSection;
  complete: CompleteSection;
}

const definition: SettingsDefinition<WriterProcessSettings> = {
  ...processDefinition,
  kafka: kafkaDefinition,
  redis: redisDefinition,
  store: storeDefinition,
  checkpoint: checkpointDefinition,
  archive: archiveDefinition,
  complete: completeDefinition,
};

/** @throws MillraceError SETTING_…, CONFIG_INSECURE_HOST. */
export function readProcessSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ReadSettings<WriterProcessSettings> {
  const read = readSettings(definition, environment, { otherSections: SHARED_SECTIONS });
  checkHost(read.settings);
  return read;
}

const NAME = 'millrace-writer';
/** Of the time a clean stop may take: the transactions under way. */
const LET_GO_PART = 0.6;
/** Of the same: telling the group. */
const LEAVE_PART = 0.2;
/** A broker that is away is told of after so long, and looked for again. */
const OPEN_MS = 2000;
/** Jobs hold back when this shows that much waits to be stored. */
const ADVISE_MS = 1000;

/** What runs beside a writer, in its process; returns how to end it. */
export type BesideWriter = (
  host: StageHost,
  place: Readonly<{
    kafka: KafkaSection;
    archive: ArchiveSection;
    url: string;
    complete: CompleteSection;
  }>,
) => () => Promise<void>;

/**
 * Runs the writer as a process of its own, from Kafka into a TimescaleDB or PostgreSQL, until
 * `stopping` aborts. Any number of these share the partitions.
 *
 * @throws MillraceError SETTING_… when the environment is wrong; a defect when the stage breaks.
 */
export async function runWriter(
  params: Readonly<{
    environment: Readonly<Record<string, string | undefined>>;
    stopping: AbortSignal;
    colours: boolean;
    beside?: BesideWriter | undefined;
  }>,
): Promise<void> {
  const { environment, stopping, colours, beside } = params;
  const { settings } = readProcessSettings(environment);
  const port = settings.http.port ?? 0;
  const how = { name: 'writer', settings, port, stopping, colours };
  await runStageProcess(how, (host) => compose(host, settings, beside));
}

async function compose(
  host: StageHost,
  settings: WriterProcessSettings,
  beside: BesideWriter | undefined,
): Promise<HostedStage> {
  const { clock, log, meter, stopping: signal } = host;
  const { kafka, redis, store: section, stopMsMax } = settings;
  const { topicPrefix, compression, retentionMs, sessionMs } = kafka;
  const connection = kafkaConnectionOf(kafka, NAME);
  const state = openRedisStateStore({ ...redis, log });
  host.onClose(() => state.close());
  const places = openRedisStatePlaces({ ...redis, log });
  host.onClose(() => places.close());
  const { url, retention, upkeepMs } = section;
  const store = createTimescaleStore({ connection: { url }, log, clock, settings: { retention } });
  host.onClose(() => store.close());
  await host.wait.until('store', () => checkSchema(host, url));
  const bounds = { compression, retentionMs, openMs: OPEN_MS };
  const stream = await host.wait.until('kafka', () =>
    openKafkaStream({ connection, topicPrefix, clock, log, settings: bounds, signal }),
  );
  host.onClose(() => stream.close());
  const letGoMsMax = stopMsMax * LET_GO_PART;
  const history = new HistoryReader(stream);
  const binding = createControlBinding({ stream, clock, history });
  const opened = await openArchive(settings.archive, binding);
  const archivedTo = archivedToOf({ stream, archive: opened, clock });
  const watch = new ArchiveWatch({ archive: opened, clock });
  void watch.run();
  host.onClose(() => watch.stop());
  const owned = (): number[] => writer.status().partitions.map(({ partition }) => partition);
  const releasing = releasingEvents(store, {
    stream,
    heldFrom: (partition, logId) => heldByJobs({ history, places }, partition, logId),
    retention: new CheckpointRetention({ stream, archivedTo }, settings.checkpoint),
    log,
    readPosition: (partition) => state.readPosition(partition),
    owned,
  });
  const writer = createWriter(
    { stream, store: releasing, clock, log, meter },
    { partitions: [], stopMsMax: letGoMsMax },
  );
  const stage: PartitionedStage = {
    ...writer,
    status: () => {
      const archived = watch.statuses(owned());
      return { ...writer.status(), ...(archived && { archive: archived }) };
    },
  };
  const group = openKafkaPartitionGroup(
    { connection, clock, log },
    {
      ...DEFAULT_KAFKA_GROUP_SETTINGS,
      groupId: kafkaGroups(topicPrefix).writer,
      topic: kafkaTopics(topicPrefix)[TOPIC_SERIES],
      partitions: stream.partitions,
      sessionMs,
      letGoMsMax,
      leaveMsMax: stopMsMax * LEAVE_PART,
    },
  );
  const needs = watched(host, url);
  const shared = createSharedStage({ stage, group, clock, log, needs }, { adviseMs: ADVISE_MS });
  host.show(shared);
  host.onClose(expiring(host, { store, history, everyMs: upkeepMs }));
  const { archive, complete } = settings;
  if (beside !== undefined) host.onClose(beside(host, { kafka, archive, url, complete }));
  return shared;
}

/** Whether the store answers, also while there is nothing to write. */
function watched(host: StageHost, url: string): () => Dependency {
  const watch = watchStore(host, { url });
  host.onClose(() => watch.close());
  return () => watch.dependency;
}

/** Whether the tables are there and of this release; making them is what `millrace setup` is for. */
async function checkSchema({ log }: StageHost, url: string): Promise<void> {
  const { steps } = await migrateTimescale({ connection: { url }, log, isPlan: true });
  const missing = steps.filter((step) => /^\d/.test(step));
  if (missing.length === 0) return;
  throw new MillraceError({
    code: 'WRITER_NOT_SET_UP',
    kind: 'permanent',
    message:
      `The database lacks ${missing.length} migrations of this release, so nothing can be ` +
      'stored yet. The log keeps everything.',
    remedy: 'Run "millrace setup"; the writer goes on by itself.',
  });
}

/** Returns how to end it. */
function expiring(
  { clock, log }: StageHost,
  upkeep: Readonly<{ store: PostgresStore; history: HistoryReader; everyMs: number }>,
): () => Promise<void> {
  const { store, history, everyMs } = upkeep;
  const over = new AbortController();
  const running = keepExpiring({ store, history, clock, log }, everyMs, over.signal);
  return async () => {
    over.abort();
    await running;
  };
}
