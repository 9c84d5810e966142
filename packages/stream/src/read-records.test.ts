import type { Clock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { MemoryLog } from './memory/memory-log.ts';
import { openMemoryStream } from './memory/memory-stream.ts';
import { readRecord, readRecords, type WantedRecords } from './read-records.ts';
import { fill, numberOf } from './testing/contract-records.ts';
import { TOPIC_EVENTS, type Stream } from './stream.ts';

/** Nobody waits for it: what is not there does not come. */
const CLOCK: Clock = { nowUs: () => 0, sleep: async () => undefined };
const ALL: WantedRecords = {
  ...{ topic: TOPIC_EVENTS, partition: 0, from: 0, to: 5, waitMsMax: 2000 },
};

async function openFilled(): Promise<{ stream: Stream; closed: () => number }> {
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock: CLOCK }));
  await fill(stream.producer(), 0, 5);
  let closed = 0;
  const reader: Stream['reader'] = (...where) => {
    const one = stream.reader(...where);
    return {
      get end() {
        return one.end;
      },
      next: async (params) => await one.next({ ...params, bytesMax: 1 }),
      close: async () => {
        closed += 1;
        await one.close();
      },
    };
  };
  return {
    stream: Object.assign(Object.create(stream) as Stream, { reader }),
    closed: () => closed,
  };
}

/** What came, and where it ended. */
async function read(stream: Stream, wanted: Partial<WantedRecords>): Promise<[number[], number]> {
  const numbers: number[] = [];
  const records = readRecords(stream, { ...ALL, ...wanted });
  for (;;) {
    const { done, value } = await records.next();
    if (done === true) return [numbers, value];
    numbers.push(numberOf(value.payload));
  }
}

test('reads from one offset to another, and says how far the records came', async () => {
  const { stream, closed } = await openFilled();
  expect(await read(stream, {})).toEqual([[0, 1, 2, 3, 4], 5]);
  expect(await read(stream, { from: 1, to: 3 })).toEqual([[1, 2], 3]);
  expect(await read(stream, { from: 3, to: 9 })).toEqual([[3, 4], 5]);
  expect(await read(stream, { from: 3, to: 3 })).toEqual([[], 3]);
  expect(closed()).toBe(3);
});

test('a reader is closed when whoever reads has enough', async () => {
  const { stream, closed } = await openFilled();
  for await (const { offset } of readRecords(stream, ALL)) if (offset === 2) break;
  expect(closed()).toBe(1);
});

test('one record is a copy of its own, or is not there in time', async () => {
  const { stream, closed } = await openFilled();
  const record = await readRecord(stream, { ...ALL, offset: 3 });
  expect(record).toMatchObject({ offset: 3 });
  expect(numberOf(record!.payload)).toBe(3);
  expect(await readRecord(stream, { ...ALL, offset: 5 })).toBeUndefined();
  expect(closed()).toBe(2);
});

test('what is there is read also by whoever does not wait', async () => {
  const { stream } = await openFilled();
  expect(await readRecord(stream, { ...ALL, offset: 3, waitMsMax: 0 })).toBeDefined();
  expect(await read(stream, { waitMsMax: 0 })).toEqual([[0, 1, 2, 3, 4], 5]);
});

test('who gives up is not kept waiting', async () => {
  const { stream } = await openFilled();
  const signal = AbortSignal.abort(new Error('given up'));
  await expect(readRecord(stream, { ...ALL, offset: 5, signal })).rejects.toThrow('given up');
  await expect(read(stream, { signal })).rejects.toThrow('given up');
});
