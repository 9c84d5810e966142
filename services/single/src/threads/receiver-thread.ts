import type { Dependency } from '@millrace/runtime';
import { createReceiver, receiverSettings, type Receiver } from '@millrace/receiver';
import { TOPIC_CONTROL, TOPIC_EVENTS } from '@millrace/stream';
import { openSegmentStream, type SegmentStream } from '@millrace/stream/segment';
import { beginLog } from '../begin-log.ts';
import { DEFINITIONS_BETWEEN_MAX } from './definitions-between.ts';
import { readPositions } from './shared-positions.ts';
import type { ReceiverThread } from './thread-data.ts';
import { hostStage } from './thread-host.ts';

/** Of the time a clean stop may take, the part that requests under way may use up. */
const STOP_PART = 0.3;

// The thread that takes what is pushed, and appends to the events topic: nobody else does.
hostStage<ReceiverThread>((host) => {
  const { data, clock, log, meter, supervisor } = host;
  const { settings, directories, sharedLog, ports } = data;
  let stream: SegmentStream | undefined;
  let receiver: Receiver | undefined;
  let logIds: readonly (string | undefined)[] = [];
  let dependencies: readonly Dependency[] = [];
  return {
    open: async (rules) => {
      stream = await openSegmentStream({
        directory: directories.log,
        partitions: settings.partitions,
        shared: sharedLog,
        owns: [TOPIC_EVENTS, TOPIC_CONTROL],
        clock,
        log,
        settings: settings.log,
      });
      if (ports.events !== undefined) stream.serveAppends(TOPIC_EVENTS, ports.events);
      logIds = await beginLog({ stream, clock, log }, rules, { startsAnyway: true });
    },
    listen: async ({ stateLogIds, ...address }) => {
      if (stream === undefined) throw new Error('the receiver listens before its log is open');
      receiver = createReceiver(
        {
          stream,
          clock,
          log,
          // A scrape shows all threads, not only the one that answers it.
          meter: { ...meter, exposition: () => supervisor.call('exposition') },
          logIds: logIds.map((logId, partition) => logId ?? stateLogIds[partition]),
          stored: readPositions(data.sharedPositions),
          status: () => supervisor.call('status'),
          makeCheckpoints: () => supervisor.call('checkpoint'),
          ledger: () => supervisor.call('ledger'),
          dependencies: () => dependencies,
        },
        receiverSettings({
          ...settings.receiver,
          ...address,
          definitionsBetweenMax: DEFINITIONS_BETWEEN_MAX,
          stopMsMax: settings.stopMsMax * STOP_PART,
        }),
      );
      const listening = await receiver.listen();
      host.run(receiver);
      return listening;
    },
    note: (noted) => {
      dependencies = noted;
    },
    status: () => receiver?.status() ?? { stage: 'receiver', ready: false, partitions: [] },
    stop: async () => await receiver?.stop(),
    close: async () => await stream?.close(),
  };
});
