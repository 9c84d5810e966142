import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_EVENTS } from '../../stream.ts';
import type { FetchingReader } from './kafka-reader.ts';
import { PositionCheck } from './position-check.ts';

/** A reader at this position, and what it is told. */
function readerAt(fetchPosition: number): { reader: FetchingReader; stopped: unknown[] } {
  const stopped: unknown[] = [];
  const reader: FetchingReader = {
    ...{ topic: TOPIC_EVENTS, partition: 0, fetchPosition, wantsRecords: true, isHasty: false },
    receive: () => undefined,
    fail: () => undefined,
    stop: (error) => void stopped.push(error),
  };
  return { reader, stopped };
}

function checkOf(bounds: () => Promise<{ start: number; end: number }>): {
  check: PositionCheck;
  asked: { refreshes: number };
  failed: unknown[];
} {
  const asked = { refreshes: 0 };
  const failed: unknown[] = [];
  const check = new PositionCheck({
    bounds,
    refresh: async () => void (asked.refreshes += 1),
    onFailed: (_, error) => void failed.push(error),
  });
  return { check, asked, failed };
}

describe('a position that a broker does not have', () => {
  test('what is forgotten is so at once, what is beyond only when others say so too', async () => {
    for (const [position, refreshes] of [
      [1, 0],
      [9, 3],
    ] as const) {
      const { reader, stopped } = readerAt(position);
      const { check, asked } = checkOf(async () => ({ start: 2, end: 8 }));
      await check.check(reader, position);
      expect(stopped).toMatchObject([{ code: STREAM_CODES.outOfRange }]);
      expect(asked.refreshes).toBe(refreshes);
    }
  });

  test('a reader that has gone on meanwhile is left alone', async () => {
    const { reader, stopped } = readerAt(5);
    const { check } = checkOf(async () => ({ start: 3, end: 8 }));
    await check.check(reader, 1);
    expect(stopped).toEqual([]);
  });

  test('a leader that cannot be asked refuses nothing', async () => {
    const { reader, stopped } = readerAt(1);
    const { check, failed } = checkOf(() => Promise.reject(new Error('it is away')));
    await check.check(reader, 1);
    expect(stopped).toEqual([]);
    expect(failed).toEqual([new Error('it is away')]);
  });
});
