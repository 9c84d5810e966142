import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { LinkError } from '../client/broker-link.ts';
import { groupAnswerOf } from './group-errors.ts';
import { createErrorFromCode } from '../client/kafkajs-internals.ts';

type New = new (...args: unknown[]) => Error;
const errors = createRequire(import.meta.url)('kafkajs/src/errors.js') as Record<string, New>;

function ofKafka(code: number): Error {
  return new errors['KafkaJSProtocolError']!(createErrorFromCode(code));
}

describe('what an answer of the coordinator means', () => {
  test.each([
    ['a new round', ofKafka(27), 'rebalancing'],
    ['an unknown member', ofKafka(25), 'lost'],
    ['a round that is over', ofKafka(22), 'lost'],
    ['another coordinator', ofKafka(16), 'away'],
    ['a code of later versions', ofKafka(12345), 'away'],
    ['a broken connection', new LinkError('it is gone'), 'away'],
    ['no rights to the group', ofKafka(30), 'refused'],
    ['another program in the group', ofKafka(23), 'refused'],
    ['a wrong password', new errors['KafkaJSSASLAuthenticationError']!('no'), 'refused'],
    ['a wrong password, within another', new LinkError('x', { cause: ofKafka(58) }), 'refused'],
    ['a mistake of ours', new TypeError('x is not a function'), undefined],
  ])('%s', (_, error, answer) => {
    expect(groupAnswerOf(error)).toBe(answer);
  });
});
