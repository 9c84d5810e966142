import {
  checkHost,
  choosePort,
  durationMs,
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
import type { Store } from '@millrace/store';
import {
  createTimescaleStore,
  readLedger,
  optionalStoreDefinition,
  watchStore,
  type OptionalStoreSection,
} from '@millrace/store/timescale';
import type { Stream } from '@millrace/stream';
import {
  kafkaConnectionOf,
  kafkaDefinition,
  openKafkaStream,
  type KafkaSection,
} from '@millrace/stream/kafka';
import { LIVE_SOURCE } from '@millrace/wire';
import { readLogIds } from './open-log.ts';
import {
  pollPositions,
  type PolledPositions,
  type ReadStoredPositions,
} from './positions/polled-positions.ts';
import { createReceiver } from './receiver.ts';
import { receiverSettings } from './settings.ts';
import { receiverDefinition, type TunedReceiverSettings } from './settings-definition.ts';

/** All that can be set of a process that only receives. */
export interface ReceiverProcessSettings extends ProcessSettings {
  kafka: KafkaSection;
  /** Only for `wait=stored` and `/api/v1/positions`: data is taken without it. */
  store: OptionalStoreSection;
  receiver: TunedReceiverSettings & { drainMs: number };
}

const SECOND_MS = 1000;

const definition: SettingsDefinition<ReceiverProcessSettings> = {
  ...processDefinition,
  kafka: kafkaDefinition,
  store: optionalStoreDefinition,
  receiver: {
    ...receiverDefinition,
    drainMs: durationMs({
      default: SECOND_MS,
      min: 0,
      max: 60 * SECOND_MS,
      help: 'How long /readyz says no before a receiver that stops closes its port.',
    }),
  },
};

/** @throws MillraceError SETTING_…, CONFIG_INSECURE_HOST. */
export function readProcessSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ReadSettings<ReceiverProcessSettings> {
  const read = readSettings(definition, environment, { otherSections: SHARED_SECTIONS });
  checkHost(read.settings);
  return read;
}

const NAME = 'millrace-receiver';
/** Of the time a clean stop may take, at most: being drained, then the requests under way. */
const DRAIN_PART = 0.3;
const STOP_PART = 0.5;
/** A broker that is away is told of after so long, and looked for again. */
const OPEN_MS = 2000;
/** How often the store is asked while somebody waits for it. */
const POLL_MS = 100;
/** Somebody waits for the answer. */
const LOOK_LIMITS = { connectTimeoutMs: 5000, statementTimeoutMs: 10_000 };

/**
 * Runs the receiver as a process of its own, with the log in Kafka, until `stopping` aborts. It
 * needs nothing but Kafka; there may be any number of them.
 *
 * @throws MillraceError SETTING_… when the environment is wrong; PORT_BUSY; a defect when the
 *   stage breaks.
 */
export async function runReceiver(
  params: Readonly<{
    environment: Readonly<Record<string, string | undefined>>;
    stopping: AbortSignal;
    colours: boolean;
  }>,
): Promise<void> {
  const { environment, stopping, colours } = params;
  const { settings } = readProcessSettings(environment);
  const port = await choosePort(settings.http);
  const how = { name: 'receiver', settings, port, takesData: true, stopping, colours };
  await runStageProcess(how, (host) => compose(host, settings));
}

async function compose(host: StageHost, settings: ReceiverProcessSettings): Promise<HostedStage> {
  const { clock, log, meter, stopping } = host;
  const { kafka, stopMsMax, http } = settings;
  const { topicPrefix, compression, retentionMs } = kafka;
  const connection = kafkaConnectionOf(kafka, NAME);
  const bounds = { compression, retentionMs, openMs: OPEN_MS };
  const stream = await host.wait.until('kafka', () =>
    openKafkaStream({ connection, topicPrefix, clock, log, settings: bounds, signal: stopping }),
  );
  host.onClose(() => stream.close());
  const logIds = await host.wait.until('log', () => readLogIds(stream));
  const stored = openStored(host, settings.store, { stream, logIds });
  const { url } = settings.store;
  const storeWatch = url === undefined ? undefined : watchStore({ clock, log }, { url });
  host.onClose(async () => await storeWatch?.close());
  const { drainMs, ...tuned } = settings.receiver;
  const receiver = createReceiver(
    {
      stream,
      clock,
      log,
      meter,
      logIds,
      ...(stored === undefined ? {} : { stored }),
      ...(url === undefined ? {} : { ledger: () => readLedger({ url }, LOOK_LIMITS) }),
      dependencies: () => (storeWatch === undefined ? [] : [storeWatch.dependency]),
      isDraining: () => stopping.aborted,
    },
    receiverSettings({ ...tuned, host: http.host, stopMsMax: stopMsMax * STOP_PART }),
  );
  await host.listenInstead((port) => receiver.listen(port));
  return {
    run: () => receiver.run(),
    stop: async () => {
      await clock.sleep(Math.min(drainMs, stopMsMax * DRAIN_PART));
      await receiver.stop();
    },
  };
}

/** Undefined: nobody can wait for the store here. */
function openStored(
  host: StageHost,
  { url }: OptionalStoreSection,
  parts: Readonly<{ stream: Stream; logIds: readonly (string | undefined)[] }>,
): PolledPositions | undefined {
  if (url === undefined) return undefined;
  const { clock, log } = host;
  const store = createTimescaleStore({ connection: { url }, log, clock });
  host.onClose(() => store.close());
  const read = readMarks(store, parts.logIds);
  const stored = pollPositions({ read, clock, log }, { pollMs: POLL_MS });
  host.onClose(() => stored.close());
  return stored;
}

/** An offset of which only some entries are applied counts as not stored yet. */
function readMarks(store: Store, logIds: readonly (string | undefined)[]): ReadStoredPositions {
  return async (partitions) => {
    const read = partitions.map(async (partition) => {
      const live = (await store.marks(partition)).get(LIVE_SOURCE);
      const known = logIds[partition];
      const isOurs = live !== undefined && (known === undefined || known === live.logId);
      return [partition, isOurs ? live.mark.offset : 0] as const;
    });
    return new Map(await Promise.all(read));
  };
}
