import type { AppliedRules } from '@millrace/control';
import { errorKind, errorText, MillraceError, type Log, type Meter } from '@millrace/runtime';
import type { OverloadBound } from './overload-error.ts';
import type { RejectedSamples } from './requests/rejections.ts';

/** Everything the receiver logs and counts: one call each, never one for a sample. */
export interface ReceiverEvents {
  listening(address: Readonly<{ host: string; port: number }>): void;
  stopping(): void;
  stopped(): void;
  /** A request was understood, and all that was admitted of it is durable. */
  acknowledged(
    request: Readonly<{
      protocol: string;
      bytes: number;
      accepted: number;
      rejected: readonly RejectedSamples[];
      exemplarsDropped: number;
    }>,
  ): void;
  answered(request: Readonly<{ route: string; status: number }>): void;
  appended(append: Readonly<{ seconds: number }>): void;
  /** The log did not take a part; the sender is told to send again. */
  appendFailed(failure: Readonly<{ partition: number; error: unknown }>): void;
  overloaded(bound: OverloadBound): void;
  /** The store could not be asked how far it is; the sender is told "not stored yet". */
  waitFailed(failure: Readonly<{ error: unknown }>): void;
  /** More connections than `connectionsMax`. */
  connectionDropped(): void;
  /** The series cache reached a bound and starts again from nothing. */
  seriesForgotten(): void;
  /** Somebody applied rules, and every partition was told; perhaps for the second time. */
  rulesApplied(applied: AppliedRules): void;
  /** Rules beside those in force began, changed places with them, or are folded no more. */
  candidateChanged(
    change: Readonly<{ what: 'begun' | 'promoted' | 'dropped'; version: number }>,
  ): void;
  /** Somebody tried to, and was told why not. */
  rulesNotApplied(failure: Readonly<{ error: unknown }>): void;
  /** An error that nobody expected; the sender got 503, so nothing is lost by it. */
  failed(failure: Readonly<{ route: string; error: unknown }>): void;
}

const APPEND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

export function createReceiverEvents(
  log: Log,
  meter: Meter,
  measured: Readonly<{ inFlightBytes: () => number; seriesCached: () => number }>,
): ReceiverEvents {
  const metrics = receiverMetrics(meter);
  meter.gauge({
    name: 'millrace_receiver_in_flight_bytes',
    help: 'Bytes of requests that are not answered yet.',
    collect: measured.inFlightBytes,
  });
  meter.gauge({
    name: 'millrace_receiver_series_cached',
    help: 'Series whose fingerprints are remembered.',
    collect: measured.seriesCached,
  });
  return {
    listening: (address) => log.info(address, 'The receiver is listening.'),
    stopping: () => log.info({}, 'The receiver finishes the requests under way.'),
    stopped: () => log.info({}, 'The receiver has stopped.'),
    acknowledged: ({ protocol, bytes, accepted, rejected, exemplarsDropped }) => {
      metrics.bytes.add(bytes, { protocol });
      metrics.accepted.add(accepted, { protocol });
      for (const { reason, count } of rejected) metrics.rejected.add(count, { protocol, reason });
      if (exemplarsDropped > 0) metrics.exemplarsDropped.add(exemplarsDropped);
    },
    answered: ({ route, status }) => metrics.requests.add(1, { route, code: status }),
    appended: ({ seconds }) => metrics.appendSeconds.observe(seconds),
    appendFailed: ({ partition, error }) => {
      metrics.appendFailures.add(1);
      const isPassing = errorKind(error) === 'transient';
      const remedy = error instanceof MillraceError ? error.remedy : undefined;
      log[isPassing ? 'warn' : 'error'](
        { partition, error: errorText(error), ...(isPassing ? {} : { remedy }) },
        'The log did not take a part; its sender is told to send again.',
      );
    },
    overloaded: (bound) => {
      metrics.overloads.add(1, { bound });
      log.debug({ bound }, 'A request was put off because a bound is reached.');
    },
    waitFailed: ({ error }) => {
      log.warn({ error: errorText(error) }, 'A request could not wait for the store.');
    },
    connectionDropped: () => metrics.connectionsDropped.add(1),
    seriesForgotten: () => {
      metrics.seriesForgotten.add(1);
      log.debug({}, 'The series cache reached its bound and starts again.');
    },
    ...rulesEvents(log, metrics),
    failed: ({ route, error }) => {
      log.error(
        { route, error: errorText(error), stack: error instanceof Error ? error.stack : undefined },
        'A request failed for a reason of ours; its sender is told to send again.',
      );
    },
  };
}

function rulesEvents(
  log: Log,
  metrics: ReturnType<typeof receiverMetrics>,
): Pick<ReceiverEvents, 'rulesApplied' | 'rulesNotApplied' | 'candidateChanged'> {
  return {
    candidateChanged: (change) => {
      metrics.candidatesChanged.add(1, { change: change.what });
      log.info(change, 'Rules beside those in force were changed.');
    },
    rulesApplied: ({ plan, version }) => {
      metrics.rulesApplied.add(1);
      const { added, changed, removed } = plan;
      const fields = {
        version: version.number,
        added: added.map(({ name }) => name).join(', '),
        changed: changed.map(({ to }) => to.name).join(', '),
        removed: removed.map(({ name }) => name).join(', '),
      };
      if (plan.isChanged) log.info(fields, 'Other rules are in force from here on.');
      else log.info({ version: version.number }, 'The rules in force were applied again.');
    },
    rulesNotApplied: ({ error }) => {
      metrics.rulesNotApplied.add(1);
      log.warn({ error: errorText(error) }, 'Rules were not applied, or not everywhere.');
    },
  };
}

function receiverMetrics(meter: Meter) {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    meter.counter({ name: `millrace_receiver_${name}_total`, help, labels });
  return {
    accepted: counter('samples_accepted', 'Samples admitted, by protocol.', ['protocol']),
    rejected: counter('samples_rejected', 'Samples refused, by protocol and reason.', [
      'protocol',
      'reason',
    ]),
    exemplarsDropped: counter('exemplars_dropped', 'Exemplars whose time is out of bounds.'),
    requests: counter('requests', 'Requests answered, by route and status.', ['route', 'code']),
    bytes: counter('request_bytes', 'Decompressed bytes of decoded requests.', ['protocol']),
    appendFailures: counter('append_failures', 'Parts that the log did not take.'),
    overloads: counter('overloads', 'Requests put off because a bound is reached.', ['bound']),
    rulesApplied: counter('rules_applied', 'Times rules were applied here.'),
    rulesNotApplied: counter('rules_not_applied', 'Times rules could not be applied here.'),
    candidatesChanged: counter(
      'candidates_changed',
      'Times rules beside those in force were begun, promoted or dropped here.',
      ['change'],
    ),
    connectionsDropped: counter('connections_dropped', 'Connections beyond the bound.'),
    seriesForgotten: counter('series_forgotten', 'Times the series cache started from nothing.'),
    appendSeconds: meter.histogram({
      name: 'millrace_receiver_append_seconds',
      help: 'Time from the append of a part to its being durable.',
      buckets: APPEND_SECONDS,
    }),
  };
}
