import { beforeEach, describe, expect, test } from 'vitest';
import type { Log, LogFields } from './log.ts';
import { createQuietLog } from './quiet-log.ts';

const MINUTE_US = 60_000_000;

describe('a log that does not repeat itself', () => {
  let nowUs: number;
  let lines: [level: string, message: string, fields: LogFields][];
  let log: Log;
  beforeEach(() => {
    nowUs = 1_700_000_000_000_000;
    lines = [];
    const clock = { nowUs: () => nowUs, sleep: async () => undefined };
    log = createQuietLog(recording([]), { clock });
  });

  function recording(own: LogFields[]): Log {
    const tell = (level: string) => (fields: LogFields, message: string) =>
      void lines.push([level, message, Object.assign({}, ...own, fields) as LogFields]);
    return {
      debug: tell('debug'),
      info: tell('info'),
      warn: tell('warn'),
      error: tell('error'),
      child: (fields) => recording([...own, fields]),
    };
  }

  const away = (partition: number, detail: string): void =>
    log.warn({ partition, error: `STREAM_UNREACHABLE: ${detail}` }, 'It is tried again.');

  test('tells what is new at once, and the same again after a while with a count', () => {
    for (let i = 0; i < 100; i += 1) away(1, `attempt ${i}`);
    away(2, 'first');
    log.warn({ partition: 1, error: 'STREAM_BROKEN: other' }, 'It is tried again.');
    log.child({ partition: 1 }).error({ error: 'STREAM_BROKEN: other' }, 'It is tried again.');
    for (const name of ['a', 'b', 'a']) log.warn({ name }, 'It is tried again.');
    log.warn({ name: 'a', repeated: 7 }, 'It is tried again.');
    expect(lines).toHaveLength(7);
    nowUs += MINUTE_US;
    away(1, 'still');
    expect(lines.at(-1)).toEqual([
      'warn',
      'It is tried again.',
      { partition: 1, error: 'STREAM_UNREACHABLE: still', repeated: 99 },
    ]);
  });

  test('says less and less of what goes on, and starts again when that was over', () => {
    const hour = 60;
    for (let second = 0; second < hour * 60; second += 1, nowUs += 1_000_000) away(1, 'away');
    expect(lines.length).toBeLessThan(12);
    expect(lines.length).toBeGreaterThan(5);
    nowUs += hour * MINUTE_US;
    lines = [];
    away(1, 'again');
    away(1, 'again');
    nowUs += MINUTE_US;
    away(1, 'again');
    expect(lines).toHaveLength(2);
  });

  test('is not silenced by a clock that was set back, nor silent about life', () => {
    away(1, 'x');
    nowUs -= 3600 * 1_000_000;
    away(1, 'x');
    log.info({}, 'The partition goes on.');
    log.info({}, 'The partition goes on.');
    log.debug({}, 'Detail.');
    log.debug({}, 'Detail.');
    expect(lines.map(([level]) => level)).toEqual([
      ...['warn', 'warn', 'info', 'info', 'debug', 'debug'],
    ]);
  });
});
