import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { LinkError } from './broker-link.ts';
import { isPassing, KafkaAnswerError, translateKafkaError } from './kafka-errors.ts';
import { KafkaCode } from './protocol.ts';

const where = { where: 'metrics.events/3', doing: 'read it', effect: 'Nothing was skipped.' };

describe('what a failure of Kafka means', () => {
  test.each([
    [new LinkError('it hangs'), STREAM_CODES.unreachable, true],
    [new KafkaAnswerError(KafkaCode.notLeader), STREAM_CODES.unreachable, true],
    [new KafkaAnswerError(KafkaCode.unknownTopicId), STREAM_CODES.unreachable, true],
    [new KafkaAnswerError(-1), STREAM_CODES.broken, true],
    [new KafkaAnswerError(56), STREAM_CODES.broken, true],
    [new KafkaAnswerError(KafkaCode.topicAuthorizationFailed), STREAM_CODES.forbidden, false],
    [new KafkaAnswerError(58), STREAM_CODES.forbidden, false],
    [new KafkaAnswerError(35), STREAM_CODES.version, false],
    [new KafkaAnswerError(17), STREAM_CODES.notSetUp, false],
    [new KafkaAnswerError(38), STREAM_CODES.notSetUp, false],
    [new KafkaAnswerError(32), STREAM_CODES.broken, true],
    [new KafkaAnswerError(12345), STREAM_CODES.unreachable, true],
    [new TypeError('of ours'), STREAM_CODES.misuse, false],
  ])('%s', (error, code, passes) => {
    expect(isPassing(error)).toBe(passes);
    const opening = translateKafkaError(error, { ...where, isFinal: true });
    expect(opening).toMatchObject({ code, cause: error });
    expect(opening.message).toMatch(/^metrics\.events\/3: could not read it \(.+\)\. Nothing was/);
    expect(opening.remedy).not.toBe('');
  });

  test('rights that are taken away while it runs come back: nothing stops for ever', () => {
    const error = new KafkaAnswerError(KafkaCode.topicAuthorizationFailed);
    expect(translateKafkaError(error, where)).toMatchObject({
      kind: 'transient',
      remedy: expect.stringContaining('rights'),
    });
  });

  test('an encryption that does not fit is told from a broker that is away', () => {
    const error = Object.assign(new Error('no'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(translateKafkaError(error, where)).toMatchObject({
      code: STREAM_CODES.unreachable,
      remedy: expect.stringContaining('MILLRACE_KAFKA__TLS'),
    });
  });

  test('names that kafkajs does not know are told all the same', () => {
    expect(new KafkaAnswerError(KafkaCode.unknownTopicId).message).toBe('UNKNOWN_TOPIC_ID');
    expect(new KafkaAnswerError(KafkaCode.notLeader).message).toMatch(
      /^NOT_LEADER_FOR_PARTITION: /,
    );
  });
});
