import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { parseBrokers } from './kafka-settings.ts';

describe('the list of brokers', () => {
  test.each([
    ['kafka', ['kafka:9092']],
    ['kafka-1:9092,kafka-2:9093', ['kafka-1:9092', 'kafka-2:9093']],
    [' a.example.com , 10.0.0.1:1234,', ['a.example.com:9092', '10.0.0.1:1234']],
    ['kafka,kafka:9092', ['kafka:9092']],
  ])('%s', (text, brokers) => {
    expect(parseBrokers(text)).toEqual(brokers);
  });

  test.each(['', ' , ', 'kafka:0', 'kafka:70000', 'kafka:', 'kafka://a:1', '[::1]:9092', 'a b'])(
    '"%s" is refused, with what would be right',
    (text) => {
      expect(() => parseBrokers(text)).toThrow(
        expect.objectContaining({
          code: STREAM_CODES.address,
          kind: 'permanent',
          remedy: expect.stringContaining('host:port'),
        }),
      );
    },
  );
});
