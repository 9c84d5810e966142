import { createQuietLog, silentLog, systemClock, type Log } from '@millrace/runtime';
import { logLevel } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { kafkaLogCreator } from './kafka-log.ts';

describe("kafkajs's log lines", () => {
  const begin = (): { lines: unknown[][]; say: (level: number, message: string) => void } => {
    const lines: unknown[][] = [];
    const log: Log = {
      ...silentLog,
      debug: (fields, message) => void lines.push(['debug', message, fields]),
      warn: (fields, message) => void lines.push(['warn', message, fields]),
      error: (fields, message) => void lines.push(['error', message, fields]),
      child: () => log,
    };
    const write = kafkaLogCreator(log)(logLevel.DEBUG);
    const say = (level: number, message: string): void => {
      const stack = 'a long one';
      const entry = { timestamp: 'now', logger: 'kafkajs', message, stack, broker: 'a:1' };
      write({ namespace: 'Connection', level, label: '', log: entry });
    };
    return { lines, say };
  };

  test('its errors are warnings, without stacks; the rest is detail', () => {
    const { lines, say } = begin();
    say(logLevel.ERROR, 'Connection error');
    say(logLevel.INFO, 'hello');
    expect(lines).toEqual([
      [
        'warn',
        'The Kafka client had trouble and tries again.',
        { namespace: 'Connection', said: 'Connection error', broker: 'a:1' },
      ],
      [
        'debug',
        'The Kafka client says something.',
        { namespace: 'Connection', said: 'hello', broker: 'a:1' },
      ],
    ]);
  });

  test('the same again is counted, another one is told', () => {
    const { lines, say } = begin();
    for (let i = 0; i < 1000; i += 1) say(logLevel.ERROR, 'Connection error');
    say(logLevel.WARN, 'other');
    expect(lines).toHaveLength(2);
  });

  test('clients that come and go are no louder than one', () => {
    const lines: string[] = [];
    const all: Log = {
      ...silentLog,
      warn: (_, message) => void lines.push(message),
      child: () => all,
    };
    const log = createQuietLog(all, { clock: systemClock });
    for (let client = 0; client < 100; client += 1) {
      kafkaLogCreator(log)(logLevel.DEBUG)({
        ...{ namespace: 'Connection', level: logLevel.ERROR, label: '' },
        log: { timestamp: 'now', logger: 'kafkajs', message: 'refused', broker: 'a:1' },
      });
    }
    expect(lines).toHaveLength(1);
  });
});
