import { errorText, type Clock, type Log } from '@millrace/runtime';
import type { StreamError } from '../../stream-error.ts';
import { judgeAnswer } from './append-verdict.ts';
import { KafkaAnswerError, topicReplaced, translateKafkaError } from '../client/kafka-errors.ts';
import type { ProducerLane } from './producer-lane.ts';
import type { ProducedBatch } from './produce-request.ts';

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;

/** Does with the lane's batch what the broker's answer for it asks for. */
export function applyAnswer(
  lane: ProducerLane,
  answer: ProducedBatch,
  parts: Readonly<{ clock: Clock; log: Log }>,
): void {
  const batch = lane.batch!;
  const verdict = judgeAnswer(answer.error, batch);
  if (verdict === 'acknowledged') {
    acknowledge(lane, answer, parts);
    return;
  }
  const error = new KafkaAnswerError(answer.error);
  if (verdict === 'again' || verdict === 'unknown, again') {
    retryLater(lane, error, verdict === 'unknown, again');
    return;
  }
  if (verdict === 'other id') {
    const fields = { where: lane.where, error: error.message };
    parts.log.warn(fields, 'Kafka forgot this producer; its records go out under another id.');
    lane.withdraw();
    return;
  }
  if (verdict === 'smaller' && lane.halve()) return;
  batch.mayBeThere ||= verdict === 'give up';
  lane.abandon(failedAppend(lane, error));
}

function acknowledge(
  lane: ProducerLane,
  { offset, appendTimeMs }: ProducedBatch,
  { clock, log }: Readonly<{ clock: Clock; log: Log }>,
): void {
  const { where, nextOffset } = lane;
  if (offset < nextOffset) {
    log.error({ where, offset, nextOffset }, 'A partition was made again, or was cut back.');
    const detail = `${where} gave offset ${offset} after ${nextOffset - 1}`;
    lane.condemn(topicReplaced(lane.topic, detail));
    return;
  }
  if (appendTimeMs >= 0) {
    lane.acknowledge(offset, appendTimeMs * 1000);
    return;
  }
  // Somebody changed the topic: the record is in the log, with the time we gave it.
  log.error({ where }, 'The topic does not set append times any more: run "millrace setup".');
  lane.acknowledge(offset, clock.nowUs());
}

/** The same bytes are sent again after a pause. */
export function retryLater(lane: ProducerLane, error: unknown, mayBeThere: boolean): void {
  const batch = lane.batch!;
  batch.mayBeThere ||= mayBeThere;
  batch.error = error;
  lane.attempts += 1;
  const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(lane.attempts, 8));
  lane.notBeforeMs = performance.now() + pauseMs;
}

/** What its appends are rejected with: whether they may be in the log is said. */
export function failedAppend(lane: ProducerLane, error: unknown): StreamError {
  const effect = lane.batch?.mayBeThere
    ? 'It was not acknowledged and may still appear in the log, once.'
    : 'The record was not appended.';
  return translateKafkaError(error, {
    where: lane.where,
    doing: 'append to it',
    effect,
  });
}

export function logNotEncoded(log: Log, lane: ProducerLane, error: unknown): void {
  log.error({ where: lane.where, error: errorText(error) }, 'A batch could not be encoded.');
}
