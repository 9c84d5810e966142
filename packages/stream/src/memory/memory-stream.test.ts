import { systemClock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS } from '../stream.ts';
import { testStream } from '../testing/stream-contract.testsuite.ts';
import { MemoryLog } from './memory-log.ts';
import { openMemoryStream } from './memory-stream.ts';

testStream({
  name: 'memory',
  open: async (params) => {
    const log = new MemoryLog(params);
    let stream = openMemoryStream(log);
    return {
      stream,
      reopen: async () => {
        await stream.close();
        stream = openMemoryStream(log);
        return stream;
      },
      dispose: () => stream.close(),
    };
  },
});

test('a stream that dies takes its appends under way with it, the log stays', async () => {
  const log = new MemoryLog({ partitions: 1, clock: systemClock });
  const [dying, living] = [openMemoryStream(log), openMemoryStream(log)];
  await dying.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  const lost = dying.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(2));
  await dying.close();
  await expect(lost).rejects.toMatchObject({ code: STREAM_CODES.closed });
  await living.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(3));
  const reader = living.reader(TOPIC_EVENTS, 0, 0);
  const records = await reader.next({ bytesMax: 1000, waitMs: 0 });
  expect(records.map(({ payload }) => payload[0])).toEqual([1, 3]);
});

test('a reader of one stream wakes by an append of another, without the clock', async () => {
  const never = { nowUs: () => 5, sleep: () => new Promise<void>(() => undefined) };
  const log = new MemoryLog({ partitions: 1, clock: never });
  const reader = openMemoryStream(log).reader(TOPIC_EVENTS, 0, 0);
  const waiting = reader.next({ bytesMax: 1000, waitMs: 1000 });
  await openMemoryStream(log).producer().append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  expect(await waiting).toEqual([{ offset: 0, appendTimeUs: 5, payload: Uint8Array.of(1) }]);
});

test('changing what was read does not change the log', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock: systemClock }));
  await stream.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  const read = () => stream.reader(TOPIC_EVENTS, 0, 0).next({ bytesMax: 1000, waitMs: 0 });
  (await read())[0]!.payload[0] = 9;
  expect((await read())[0]!.payload[0]).toBe(1);
});
