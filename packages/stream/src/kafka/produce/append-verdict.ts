import { KafkaCode } from '../client/protocol.ts';

/**
 * What an answer for one batch means:
 *
 * - `acknowledged`: all its records are in the log, at the offset of the answer.
 * - `again`: this attempt did nothing; the same bytes are sent again.
 * - `unknown, again`: it may have; the same bytes are sent again, and the broker tells.
 * - `other id`: none of it is there and these numbers will not do; its records go out anew.
 * - `smaller`: the broker takes no batch of this size.
 * - `give up`: trying does not help, or could put it there twice.
 */
export type AppendVerdict =
  'acknowledged' | 'again' | 'unknown, again' | 'other id' | 'smaller' | 'give up';

/**
 * Whether the attempt did nothing is only known of answers that a broker gives before it appends.
 * One that comes while it waits for the copies, or that we do not know, leaves it open.
 */
const verdicts: Readonly<Record<number, AppendVerdict>> = {
  [KafkaCode.none]: 'acknowledged',
  [KafkaCode.unknownTopic]: 'again',
  [KafkaCode.unknownTopicId]: 'again',
  [KafkaCode.inconsistentTopicId]: 'again',
  [KafkaCode.notEnoughReplicas]: 'again',
  [KafkaCode.corruptMessage]: 'again',
  [KafkaCode.topicAuthorizationFailed]: 'again',
  [KafkaCode.messageTooLarge]: 'smaller',
  [KafkaCode.recordListTooLarge]: 'smaller',
  [KafkaCode.outOfOrderSequence]: 'other id',
  [KafkaCode.unknownProducerId]: 'other id',
  [KafkaCode.invalidProducerEpoch]: 'other id',
  [KafkaCode.invalidProducerIdMapping]: 'other id',
  [KafkaCode.producerFenced]: 'other id',
  // In the log, but where is forgotten already.
  [KafkaCode.duplicateSequence]: 'give up',
};

export function judgeAnswer(
  kafkaCode: number,
  batch: Readonly<{ mayBeThere: boolean }>,
): AppendVerdict {
  const verdict = verdicts[kafkaCode] ?? 'unknown, again';
  // Under another id the broker could not tell it from the attempt before.
  if (batch.mayBeThere && (verdict === 'other id' || verdict === 'smaller')) return 'give up';
  return verdict;
}
