import { randomBytes } from 'node:crypto';
import type { CheckpointOutcome } from '@millrace/checkpoint';
import type { Clock, Dependency, Log, Meter, Stage, StageStatus } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { Appender } from './intake/appender.ts';
import { Deadlines } from './intake/deadlines.ts';
import { createReceiverEvents } from './events.ts';
import { batchRoute } from './http/batch-route.ts';
import { acknowledgeRoute } from './http/acknowledge-route.ts';
import { candidatesRoutes } from './http/candidates-route.ts';
import { checkpointsRoute } from './http/checkpoints-route.ts';
import { eventsRoute } from './http/events-route.ts';
import { foldVersionRoute } from './http/fold-version-route.ts';
import { healthRoutes } from './http/health-routes.ts';
import { createHttpApp } from './http/http-app.ts';
import { ledgerRoute, type ReadLedger } from './http/ledger-route.ts';
import { positionsRoute } from './http/positions-route.ts';
import { redriveRoute } from './http/redrive-route.ts';
import { remoteWriteRoutes } from './http/remote-write-route.ts';
import { rulesRoutes } from './http/rules-route.ts';
import { InFlightBytes } from './intake/in-flight-bytes.ts';
import { Intake, type Receipt, type ReceivedRequest } from './intake/intake.ts';
import { OverloadError } from './overload-error.ts';
import { PartCutter } from './parts/part-cutter.ts';
import { healthOf, Life, stageStatus } from './intake/receiver-status.ts';
import { RulesControl } from './rules/rules-control.ts';
import type { ReceiverSettings } from './settings.ts';
import { TenantCutters } from './parts/tenant-cutters.ts';
import { StoreWait } from './positions/store-wait.ts';
import type { StoredPositions } from './positions/stored-positions.ts';

export interface ReceiverComponents {
  stream: Stream;
  clock: Clock;
  log: Log;
  meter: Meter;
  /** The log's id in each partition, from `openLog`; undefined where it is not known. */
  logIds: readonly (string | undefined)[];
  /** Names this instance in its records: 8 bytes as hex, never used before; else random. */
  instance?: string;
  /** Without it nobody can wait for the store. */
  stored?: StoredPositions;
  /** What `GET /api/v1/ledger` answers; without it nobody can look here. */
  ledger?: ReadLedger;
  /** What `GET /api/v1/status` answers; the receiver's own status without it. */
  status?: () => unknown;
  /** What `POST /api/v1/checkpoints` does; without it there is no such route. */
  makeCheckpoints?: () => Promise<CheckpointOutcome[]>;
  /** What else `/readyz` shows. None of them makes the receiver unready: the log decides. */
  dependencies?: () => readonly Dependency[];
  /** True once it is about to stop: `/readyz` says no, and what still comes is still taken. */
  isDraining?: () => boolean;
}

/** Takes what producers push and acknowledges it once it is durable in the log. */
export interface Receiver extends Stage {
  /**
   * Starts to listen, on the port of the settings unless told otherwise. Rejects with the
   * system's error, for example EADDRINUSE; another port may be tried then.
   */
  listen(port?: number): Promise<{ host: string; port: number }>;
  /**
   * Takes a request from inside the process: the same way as through HTTP, with the same bounds.
   *
   * @throws DecodeError when it is refused as a whole, a transient MillraceError when it is to be
   *   sent again.
   */
  receive(request: ReceivedRequest): Promise<Receipt>;
}

// Authentication, which will tell tenants apart, comes later.
const TENANT = 'default';
const INSTANCE_BYTES = 8;

export function createReceiver(
  components: ReceiverComponents,
  settings: ReceiverSettings,
): Receiver {
  const { stream, clock, meter, logIds, makeCheckpoints } = components;
  const { deadlines, intake, inFlight, storeWait, appender, events, producer, rules } = assemble(
    components,
    settings,
  );
  const life = new Life();
  const { partitions } = stream;
  const status = (): StageStatus => stageStatus({ life, appender, clock, partitions, settings });
  const app = createHttpApp({
    settings,
    events,
    routes: [
      eventsRoute({ intake, inFlight, storeWait, settings }),
      batchRoute({ intake, inFlight, storeWait, settings }),
      ...remoteWriteRoutes({ intake, inFlight, settings }),
      positionsRoute({ storeWait, settings, logIds }),
      ...(makeCheckpoints === undefined ? [] : [checkpointsRoute(makeCheckpoints)]),
      ...rulesRoutes({ rules, inFlight, settings, partitions }),
      foldVersionRoute({ rules, inFlight, settings }),
      ...candidatesRoutes({ rules, inFlight, settings, partitions }),
      redriveRoute({ intake, inFlight, rules, settings }),
      acknowledgeRoute({ rules, inFlight, settings, partitions }),
      ledgerRoute({ ledger: components.ledger, settings }),
      ...healthRoutes({
        health: () => {
          const health = healthOf(status(), components.dependencies?.() ?? []);
          return { ...health, ready: health.ready && components.isDraining?.() !== true };
        },
        status: components.status ?? status,
        exposition: async () => await meter.exposition(),
      }),
    ],
  });

  const listen: Receiver['listen'] = async (port) => {
    await startAtEnds(appender, stream);
    const address = await app.listen(port);
    life.state = 'running';
    events.listening(address);
    return address;
  };
  const receive: Receiver['receive'] = async (request) => {
    const lease = inFlight.lease();
    if (lease.take(request.body.length)) return await intake.receive({ ...request, lease });
    throw new OverloadError('in_flight_bytes', 'too many bytes are under way');
  };
  return {
    listen,
    receive,
    run: async () => {
      if (life.state === 'starting') await listen();
      await life.stopped;
    },
    stop: async () => {
      if (life.state === 'stopped') return await life.stopped;
      life.state = 'stopped';
      events.stopping();
      storeWait?.stop();
      await Promise.all([app.close(), rules.stop(settings.stopMsMax)]);
      // Whoever still waits does so without a deadline.
      deadlines.stop();
      // Appends whose senders no longer wait may still be under way.
      await producer.close();
      events.stopped();
      life.end();
    },
    status,
  };
}

async function startAtEnds(appender: Appender, stream: Stream): Promise<void> {
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    appender.startAt(partition, (await stream.bounds(TOPIC_EVENTS, partition)).end);
  }
}

/** Everything between the routes and the log. */
function assemble(components: ReceiverComponents, settings: ReceiverSettings) {
  const { stream, clock, log, meter, logIds, stored } = components;
  const { partitions } = stream;
  const inFlight = new InFlightBytes(settings.inFlightBytesMax);
  const events = createReceiverEvents(log, meter, {
    inFlightBytes: () => inFlight.bytes,
    seriesCached: () => cutter.series.count,
  });
  const cutter: PartCutter = new PartCutter({
    tenant: TENANT,
    partitions,
    partBytesMax: settings.partBytesMax,
    seriesCountMax: settings.seriesCacheCountMax,
    seriesBytesMax: settings.seriesCacheBytesMax,
    definitions: settings,
    onSeriesForgotten: () => events.seriesForgotten(),
  });
  const producer = stream.producer();
  const appender = new Appender({
    producer,
    clock,
    receiver: components.instance ?? randomBytes(INSTANCE_BYTES).toString('hex'),
    partitions,
    appendBytesMax: settings.appendBytesMax,
    events,
  });
  const { partBytesMax } = settings;
  const letters = { partitions, partBytesMax, definitions: settings };
  const cutters = new TenantCutters({ tenant: TENANT, cutter }, letters);
  const deadlines = new Deadlines({ clock, ms: settings.appendTimeoutMs });
  const requests = { tenant: TENANT, cutters, appender, events, logIds };
  const intake = new Intake({ clock, settings, deadlines, ...requests });
  const { waitersMax } = settings;
  const storeWait =
    stored === undefined ? undefined : new StoreWait({ stored, clock, waitersMax, events });
  const rules = new RulesControl({ stream, clock, events, deadlines });
  return { deadlines, intake, inFlight, storeWait, appender, events, producer, rules };
}
