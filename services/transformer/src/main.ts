import { archiveDefinition, type ArchiveSection } from '@millrace/archive';
import { checkpointDefinition, type CheckpointSection } from '@millrace/checkpoint';
import {
  checkHost,
  errorText,
  limitTime,
  MillraceError,
  processDefinition,
  readSettings,
  runStageProcess,
  SHARED_SECTIONS,
  type HostedStage,
  type ProcessSettings,
  type ReadSettings,
  type SettingsDefinition,
  type StageHost,
} from '@millrace/runtime';
import {
  openRedisStatePlaces,
  openRedisStateStore,
  redisDefinition,
  type RedisSection,
} from '@millrace/state/redis';
import { createSharedStage, TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import {
  DEFAULT_KAFKA_GROUP_SETTINGS,
  kafkaConnectionOf,
  kafkaDefinition,
  kafkaGroups,
  openKafkaGroupPositions,
  kafkaTopics,
  openKafkaPartitionGroup,
  openKafkaStream,
  type KafkaSection,
} from '@millrace/stream/kafka';
import { hostArchive } from './host-archive.ts';
import { watchStoreLag } from './jobs/store-lag.ts';
import { DEFAULT_TRANSFORMER_SETTINGS } from './settings.ts';
import { transformerDefinition, type TunedTransformerSettings } from './settings-definition.ts';
import { createTransformer, type Transformer } from './transformer.ts';

/** All that can be set of a process that only transforms. */
export interface TransformerProcessSettings extends ProcessSettings {
  kafka: KafkaSection;
  redis: RedisSection;
  transformer: TunedTransformerSettings;
  checkpoint: CheckpointSection;
  archive: ArchiveSection;
}

const definition: SettingsDefinition<TransformerProcessSettings> = {
  ...processDefinition,
  kafka: kafkaDefinition,
  redis: redisDefinition,
  transformer: transformerDefinition,
  checkpoint: checkpointDefinition,
  archive: archiveDefinition,
};

/** @throws MillraceError SETTING_…, CONFIG_INSECURE_HOST. */
export function readProcessSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ReadSettings<TransformerProcessSettings> {
  const read = readSettings(definition, environment, { otherSections: SHARED_SECTIONS });
  checkHost(read.settings);
  return read;
}

const NAME = 'millrace-transformer';
/** Of the time a clean stop may take: publishing and committing what is folded. */
const LET_GO_PART = 0.6;
/** Of the same: telling the group. */
const LEAVE_PART = 0.2;
/** Of the same: checkpoints of what was committed last. */
const CHECKPOINT_PART = 0.15;
/** A broker that is away is told of after so long, and looked for again. */
const OPEN_MS = 2000;
const ADVISE_MS = 10_000;
const LAG_LOOK_MS = 500;
/** Of this a second is how seldom writers tell how far they are. */
const PRESSED_MS = 3000;

/**
 * Runs the transformer as a process of its own, with the log in Kafka and the state in Redis,
 * until `stopping` aborts. Any number of these share the partitions.
 *
 * @throws MillraceError SETTING_… when the environment is wrong; a defect when the stage breaks.
 */
export async function runTransformer(
  params: Readonly<{
    environment: Readonly<Record<string, string | undefined>>;
    stopping: AbortSignal;
    colours: boolean;
  }>,
): Promise<void> {
  const { environment, stopping, colours } = params;
  const { settings } = readProcessSettings(environment);
  const port = settings.http.port ?? 0;
  const how = { name: 'transformer', settings, port, stopping, colours };
  await runStageProcess(how, (host) => compose(host, settings));
}

async function compose(
  host: StageHost,
  settings: TransformerProcessSettings,
): Promise<HostedStage> {
  const { clock, log, meter, stopping: signal } = host;
  const { kafka, redis, stopMsMax } = settings;
  const { topicPrefix, compression, retentionMs, sessionMs } = kafka;
  const connection = kafkaConnectionOf(kafka, NAME);
  const state = openRedisStateStore({ ...redis, log });
  host.onClose(() => state.close());
  const jobPlaces = openRedisStatePlaces({ ...redis, log });
  host.onClose(() => jobPlaces.close());
  const bounds = { compression, retentionMs, openMs: OPEN_MS };
  const stream = await host.wait.until('kafka', () =>
    openKafkaStream({ connection, topicPrefix, clock, log, settings: bounds, signal }),
  );
  host.onClose(() => stream.close());
  const letGoMsMax = stopMsMax * LET_GO_PART;
  const owned = (): number[] => transformer.status().partitions.map(({ partition }) => partition);
  const archive = await hostArchive(
    host,
    { stream, readPosition: (partition) => state.readPosition(partition), owned },
    settings.archive,
  );
  const isPressed = hostStoreLag(host, { stream, kafka, owned });
  const transformer = createTransformer(
    { stream, state, clock, log, meter, jobPlaces, archived: archive.stream, isPressed },
    {
      ...DEFAULT_TRANSFORMER_SETTINGS,
      ...settings.transformer,
      checkpoint: { ...DEFAULT_TRANSFORMER_SETTINGS.checkpoint, ...settings.checkpoint },
      partitions: [],
      stopMsMax: letGoMsMax,
    },
  );
  archive.run();
  const stage: Transformer = {
    ...transformer,
    status: () => {
      const archived = archive.statuses();
      return { ...transformer.status(), ...(archived && { archive: archived }) };
    },
  };
  const group = openKafkaPartitionGroup(
    { connection, clock, log },
    {
      ...DEFAULT_KAFKA_GROUP_SETTINGS,
      groupId: kafkaGroups(topicPrefix).transformer,
      topic: kafkaTopics(topicPrefix)[TOPIC_EVENTS],
      partitions: stream.partitions,
      sessionMs,
      letGoMsMax,
      leaveMsMax: stopMsMax * LEAVE_PART,
    },
  );
  const shared = createSharedStage({ stage, group, clock, log }, { adviseMs: ADVISE_MS });
  host.show(shared);
  // When the group has the partitions back: nobody waits for it.
  host.onClose(() => checkpointLast(stage, host, stopMsMax * CHECKPOINT_PART));
  return shared;
}

/** Whether jobs are to hold back, as far as the writers tell their group. */
function hostStoreLag(
  host: StageHost,
  parts: Readonly<{ stream: Stream; kafka: KafkaSection; owned: () => readonly number[] }>,
): () => boolean {
  const { clock, log } = host;
  const { stream, kafka, owned: partitions } = parts;
  const { topicPrefix } = kafka;
  const writers = openKafkaGroupPositions(
    { connection: kafkaConnectionOf(kafka, NAME), log },
    { groupId: kafkaGroups(topicPrefix).writer, topic: kafkaTopics(topicPrefix)[TOPIC_SERIES] },
  );
  const onUnknown = (error: unknown): void =>
    log.warn({ error: errorText(error) }, 'How far the store is cannot be read; jobs go on.');
  // A writer that has begun, and applied nothing yet, says 0: that tells nothing.
  const stored = async (): Promise<ReadonlyMap<number, number>> =>
    new Map([...(await writers.read())].filter(([, position]) => position > 0));
  const lag = watchStoreLag(
    { stream, clock, partitions, stored, onUnknown },
    { topic: TOPIC_SERIES, lookMs: LAG_LOOK_MS, pressedMs: PRESSED_MS },
  );
  host.onClose(async () => {
    await lag.stop();
    await writers.close();
  });
  return lag.isPressed;
}

/** In bounded time: what is not complete by then means nothing. */
async function checkpointLast(
  stage: Transformer,
  { clock }: StageHost,
  msMax: number,
): Promise<void> {
  const limit = limitTime(clock, msMax, notInTime);
  await stage.checkpoint({ isAsked: false, signal: limit.signal });
  await limit.end();
}

function notInTime(msMax: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_NOT_AT_STOP',
    kind: 'transient',
    message:
      `There were ${msMax} ms for checkpoints while stopping, and that was not enough for all. ` +
      'The state is committed, and events are kept as before.',
    remedy: 'Nothing: the next owner makes one when it is time.',
  });
}
