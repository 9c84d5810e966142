import {
  errorText,
  MillraceError,
  type Clock,
  type Health,
  type PartitionStatus,
  type StageStatus,
} from '@millrace/runtime';
import { STREAM_CODES, StreamError } from '@millrace/stream';
import type { Appender } from './appender.ts';
import type { ReceiverSettings } from '../settings.ts';

/** Where the stage is in its life. */
export class Life {
  state: 'starting' | 'running' | 'stopped' = 'starting';
  /** Resolves once `end` was called. */
  readonly stopped: Promise<void>;
  end: () => void = () => undefined;

  constructor() {
    this.stopped = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

export function stageStatus(
  parts: Readonly<{
    life: Life;
    appender: Appender;
    clock: Clock;
    partitions: number;
    settings: ReceiverSettings;
  }>,
): StageStatus {
  const { life, appender, partitions } = parts;
  const reason = waitingReason(parts);
  const state = life.state === 'running' && reason !== undefined ? 'waiting' : life.state;
  const lanes = Array.from({ length: partitions }, (_, partition): PartitionStatus => {
    const position = appender.position(partition);
    const lagMs = appender.oldestMs;
    return {
      partition,
      state,
      ...(reason === undefined ? {} : { reason }),
      position,
      endOffset: position,
      lagMs,
    };
  });
  return { stage: 'receiver', ready: state === 'running', partitions: lanes };
}

/** Whether the log takes data now: that alone decides; what is behind it may catch up later. */
export function healthOf(status: StageStatus, others: Health['dependencies']): Health {
  const reason = status.partitions.find((lane) => lane.reason !== undefined)?.reason;
  const { code, message = 'The receiver does not run.', remedy = '' } = reason ?? {};
  const detail = `${code === undefined ? '' : `${code}: `}${message} ${remedy}`.trim();
  const log: Health['dependencies'][number] = status.ready
    ? { name: 'log', state: 'ok' }
    : { name: 'log', state: 'down', detail };
  return { ready: status.ready, dependencies: [log, ...others] };
}

/** Why the log is thought not to accept data now. */
function waitingReason(
  parts: Readonly<{ appender: Appender; clock: Clock; settings: ReceiverSettings }>,
): PartitionStatus['reason'] {
  const { appender, clock, settings } = parts;
  if (appender.oldestMs > settings.appendAgeMsMax) {
    return {
      code: 'RECEIVER_LOG_SLOW',
      message:
        `The log has not flushed an append for ${Math.round(appender.oldestMs)} ms. New requests ` +
        'are told to come again; nothing acknowledged is lost.',
      remedy: 'Look at the disk (or the brokers) of the log.',
    };
  }
  const { lastFailure } = appender;
  if (lastFailure === undefined) return undefined;
  const { error, atUs } = lastFailure;
  const isRecent = clock.nowUs() - atUs <= settings.unreadyAfterFailureMs * 1000;
  // Of a log that is another one no append will ever succeed again: trying it is for nobody.
  const isOtherLog = error instanceof StreamError && error.code === STREAM_CODES.replaced;
  if (!isRecent && !isOtherLog) return undefined;
  const remedy = error instanceof MillraceError ? error.remedy : undefined;
  return {
    code: 'RECEIVER_APPEND_FAILED',
    message:
      `The log refused the last append (${errorText(error)}). Its sender was told to send again; ` +
      'nothing acknowledged is lost.',
    ...(remedy === undefined ? {} : { remedy }),
  };
}
