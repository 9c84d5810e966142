import { systemClock, type Clock } from '@millrace/runtime';
import { afterEach, describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_CONTROL, TOPIC_EVENTS, TOPIC_SERIES } from '../stream.ts';
import {
  AT_ONCE,
  bytesOf,
  drain,
  fill,
  FOREVER_MS,
  numberOf,
  payloadOf,
  readAll,
} from './contract-records.ts';
import { testBounds, testClosing, testRetention } from './stream-life-contract.testsuite.ts';
import type { Open, OpenStream, StreamUnderTest } from './stream-subject.ts';

/** The contract of the log's port: what every stage relies on, whatever the adapter. */
export function testStream(params: Readonly<{ name: string; open: OpenStream }>): void {
  const opened: StreamUnderTest[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.dispose();
  });
  const open: Open = async (settings = {}, partitions = 2) => {
    const time = { nowUs: 1_700_000_000_000_000 };
    const clock: Clock = {
      nowUs: () => time.nowUs,
      sleep: (ms, signal) => systemClock.sleep(ms, signal),
    };
    const under = await params.open({ partitions, clock, settings });
    opened.push(under);
    return { ...under, time, producer: under.stream.producer() };
  };
  describe(`${params.name}: appending`, () => {
    testAppending(open);
  });
  describe(`${params.name}: reading`, () => {
    testReading(open);
  });
  describe(`${params.name}: waiting`, () => {
    testWaiting(open);
  });
  describe(`${params.name}: bounds`, () => {
    testBounds(open);
  });
  describe(`${params.name}: retention`, () => {
    testRetention(open);
  });
  describe(`${params.name}: closing`, () => {
    testClosing(open);
  });
}

function testAppending(open: Open): void {
  test('offsets are consecutive from 0, in the order of the calls', async () => {
    const { stream, producer } = await open();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => producer.append(TOPIC_EVENTS, 0, payloadOf(i))),
    );
    expect(results.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const records = await readAll(stream, 0, 0);
    expect(records.map(({ payload }) => numberOf(payload))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  test('what was acknowledged is there, with the offset and time of the answer', async () => {
    const { stream, producer, time, lacks } = await open();
    for (let i = 0; i < 5; i += 1) {
      time.nowUs += 1_000;
      const beforeUs = systemClock.nowUs();
      const result = await producer.append(TOPIC_EVENTS, 1, payloadOf(i));
      expect(result.offset).toBe(i);
      if (lacks?.appendClock === undefined) expect(result.appendTimeUs).toBe(time.nowUs);
      else {
        expect(result.appendTimeUs).toBeGreaterThanOrEqual(beforeUs);
        expect(result.appendTimeUs).toBeLessThanOrEqual(systemClock.nowUs());
      }
      expect((await stream.bounds(TOPIC_EVENTS, 1)).end).toBe(i + 1);
      const [record] = await readAll(stream, 1, i);
      expect(record).toEqual({ ...result, payload: payloadOf(i) });
    }
  });

  test('partitions and topics are sequences of their own', async () => {
    const { stream, producer } = await open({}, 8);
    const appended = Array.from({ length: 400 }, async (_, i) => {
      const topic = i % 2 === 0 ? TOPIC_EVENTS : TOPIC_SERIES;
      const partition = (i >> 1) % 8;
      await producer.append(topic, partition, payloadOf(i));
    });
    await Promise.all(appended);
    for (let partition = 0; partition < 8; partition += 1) {
      for (const topic of [TOPIC_EVENTS, TOPIC_SERIES] as const) {
        const records = await readAll(stream, partition, 0, topic);
        const first = 2 * partition + (topic === TOPIC_EVENTS ? 0 : 1);
        expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
        expect(records.map(({ payload }) => numberOf(payload))).toEqual(
          Array.from({ length: 25 }, (_, i) => first + 16 * i),
        );
      }
    }
  });

  test('the control topic has one partition, and the others are not seen in it', async () => {
    const { stream, producer } = await open();
    await producer.append(TOPIC_EVENTS, 0, payloadOf(1));
    expect((await producer.append(TOPIC_CONTROL, 0, payloadOf(2))).offset).toBe(0);
    expect((await producer.append(TOPIC_CONTROL, 0, payloadOf(3))).offset).toBe(1);
    const records = await readAll(stream, 0, 0, TOPIC_CONTROL);
    expect(records.map(({ payload }) => numberOf(payload))).toEqual([2, 3]);
    expect(await stream.bounds(TOPIC_CONTROL, 0)).toEqual({ start: 0, end: 2 });
    const defect = { code: STREAM_CODES.misuse, kind: 'defect' };
    await expect(producer.append(TOPIC_CONTROL, 1, payloadOf(4))).rejects.toMatchObject(defect);
    expect(() => stream.reader(TOPIC_CONTROL, 1, 0)).toThrow(/does not exist/);
    await expect(stream.bounds(TOPIC_CONTROL, 1)).rejects.toMatchObject(defect);
  });

  test('a record may be empty, or as large as the bound; a larger one is refused', async () => {
    const { stream, producer } = await open();
    const largest = new Uint8Array(1024 * 1024).fill(7);
    await producer.append(TOPIC_EVENTS, 0, new Uint8Array(0));
    await producer.append(TOPIC_EVENTS, 0, largest);
    await expect(
      producer.append(TOPIC_EVENTS, 0, new Uint8Array(largest.length + 1)),
    ).rejects.toMatchObject({ code: STREAM_CODES.recordTooLarge, kind: 'permanent' });
    const records = await readAll(stream, 0, 0);
    expect(records.map(({ payload }) => payload.length)).toEqual([0, largest.length]);
    expect(Buffer.compare(records[1]!.payload, largest)).toBe(0);
  });

  test('the payload may be of any kind, and change once its append is settled', async () => {
    const { stream, producer } = await open();
    const larger = Uint8Array.from({ length: 100 }, (_, i) => i);
    const payloads = [Buffer.from('record 1'), payloadOf(1), larger.subarray(10, 20)];
    const expected = payloads.map((payload) => [...payload]);
    for (const payload of payloads) {
      await producer.append(TOPIC_EVENTS, 0, payload);
      payload.fill(255);
    }
    const records = await readAll(stream, 0, 0);
    expect(records.map(({ payload }) => [...payload])).toEqual(expected);
  });

  test('more bytes in flight than the bound are refused, until they drained', async () => {
    const { stream, producer } = await open({ inFlightBytesMax: 4000 });
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => producer.append(TOPIC_EVENTS, i % 2, bytesOf(1000, i))),
    );
    const refused = settled.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(6);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: STREAM_CODES.overloaded, kind: 'transient' });
    }
    await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, 1));
    expect((await stream.bounds(TOPIC_EVENTS, 0)).end).toBe(3);
  });

  test('one record larger than the bound in flight still passes alone', async () => {
    const { producer } = await open({ inFlightBytesMax: 100 });
    expect((await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, 1))).offset).toBe(0);
  });

  test('a partition that does not exist is a defect', async () => {
    const { stream, producer } = await open({}, 2);
    for (const partition of [-1, 2, 0.5]) {
      await expect(producer.append(TOPIC_EVENTS, partition, payloadOf(1))).rejects.toMatchObject({
        kind: 'defect',
      });
      expect(() => stream.reader(TOPIC_EVENTS, partition, 0)).toThrow(/does not exist/);
    }
  });
}

function testReading(open: Open): void {
  test('a reader begins at its position', async () => {
    const { stream, producer } = await open();
    await fill(producer, 0, 30);
    for (const position of [0, 1, 17, 29]) {
      const records = await readAll(stream, 0, position);
      expect(records.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 30 - position }, (_, i) => position + i),
      );
    }
  });

  test('one call gives at most bytesMax, but at least one record', async () => {
    const { stream, producer } = await open();
    for (let i = 0; i < 20; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, i));
    await producer.append(TOPIC_EVENTS, 0, bytesOf(50_000, 99));
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    const lengths: number[][] = [];
    for (;;) {
      const records = await reader.next({ bytesMax: 3500, waitMs: 0 });
      if (records.length === 0) break;
      lengths.push(records.map(({ payload }) => payload.length));
    }
    for (const batch of lengths) {
      const bytes = batch.reduce((sum, length) => sum + length, 0);
      expect(bytes <= 3500 || batch.length === 1).toBe(true);
    }
    expect(lengths.flat()).toEqual([...Array.from({ length: 20 }, () => 1000), 50_000]);
    expect(Math.max(...lengths.map((batch) => batch.length))).toBe(3);
  });

  test('each answer tells the end of the partition', async () => {
    const { stream, producer } = await open();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    expect(reader.end).toBeUndefined();
    expect(await reader.next(AT_ONCE)).toEqual([]);
    expect(reader.end).toBe(0);
    await fill(producer, 0, 20);
    let position = 0;
    while (position < 20) {
      position += (await reader.next({ bytesMax: 1, waitMs: 0 })).length;
      expect(reader.end).toBeGreaterThanOrEqual(position);
      expect(reader.end).toBeLessThanOrEqual(20);
    }
    expect(reader.end).toBe(20);
    await fill(producer, 0, 5);
    while (position < 25) position += (await reader.next(AT_ONCE)).length;
    expect(reader.end).toBe(25);
    expect(await reader.next(AT_ONCE)).toEqual([]);
    expect(reader.end).toBe(25);
  });

  test('readers do not disturb one another', async () => {
    const { stream, producer } = await open();
    await fill(producer, 0, 20);
    const readers = [0, 5, 0].map((position) => stream.reader(TOPIC_EVENTS, 0, position));
    const read = await Promise.all(readers.map(async (reader) => drain(reader)));
    expect(read.map((records) => records.length)).toEqual([20, 15, 20]);
  });

  test('a second next before the first settled is a defect', async () => {
    const { stream } = await open();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    const first = reader.next({ bytesMax: 1000, waitMs: FOREVER_MS });
    await expect(reader.next(AT_ONCE)).rejects.toMatchObject({ kind: 'defect' });
    await reader.close();
    await expect(first).rejects.toMatchObject({ code: STREAM_CODES.closed });
  });

  test('positions beyond the end are refused, the end itself is not', async () => {
    const { stream, producer } = await open();
    await fill(producer, 0, 3);
    expect(await readAll(stream, 0, 3)).toEqual([]);
    await expect(stream.reader(TOPIC_EVENTS, 0, 4).next(AT_ONCE)).rejects.toMatchObject({
      code: STREAM_CODES.outOfRange,
      kind: 'permanent',
    });
  });

  test('a reader that keeps up sees each record once, never ahead of the end', async () => {
    const { stream, producer } = await open({ segmentBytes: 8 * 1024 });
    const total = 300;
    const appending = (async () => {
      for (let i = 0; i < total; i += 10) {
        await Promise.all(
          Array.from({ length: 10 }, (_, j) => producer.append(TOPIC_EVENTS, 0, payloadOf(i + j))),
        );
      }
    })();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    const seen: number[] = [];
    while (seen.length < total) {
      const records = await reader.next({ bytesMax: 400, waitMs: FOREVER_MS });
      seen.push(...records.map(({ payload }) => numberOf(payload)));
      expect(seen.length).toBeLessThanOrEqual((await stream.bounds(TOPIC_EVENTS, 0)).end);
    }
    await appending;
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => i));
  });
}

function testWaiting(open: Open): void {
  test('a waiting reader wakes when a record arrives', async () => {
    const { stream, producer } = await open();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    for (let i = 0; i < 5; i += 1) {
      const waiting = reader.next({ bytesMax: 1000, waitMs: FOREVER_MS });
      await producer.append(TOPIC_EVENTS, 1, payloadOf(99));
      await producer.append(TOPIC_EVENTS, 0, payloadOf(i));
      expect((await waiting).map(({ offset }) => offset)).toEqual([i]);
    }
  });

  test('all readers that wait for a partition wake', async () => {
    const { stream, producer } = await open();
    const readers = Array.from({ length: 5 }, () => stream.reader(TOPIC_EVENTS, 0, 0));
    const waiting = readers.map((reader) => reader.next({ bytesMax: 1000, waitMs: FOREVER_MS }));
    await producer.append(TOPIC_EVENTS, 0, payloadOf(1));
    expect((await Promise.all(waiting)).map((records) => records.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test('a call that does not wait sees all that was acknowledged before it', async () => {
    const { stream, producer } = await open();
    const [quiet, busy] = [0, 1].map((partition) => stream.reader(TOPIC_EVENTS, partition, 0));
    for (const reader of [quiet!, busy!]) {
      // From its second call on a reader may be read ahead for, together with others.
      for (let calls = 0; calls < 2; calls += 1) {
        expect(await reader.next({ bytesMax: 1000, waitMs: 1 })).toEqual([]);
      }
    }
    for (let i = 0; i < 20; i += 1) {
      await producer.append(TOPIC_EVENTS, 1, payloadOf(i));
      expect(await busy!.next({ bytesMax: 1000, waitMs: FOREVER_MS })).toHaveLength(1);
      await producer.append(TOPIC_EVENTS, 0, payloadOf(i));
      expect(await quiet!.next(AT_ONCE)).toHaveLength(1);
    }
  });

  test('when nothing comes in time the answer is empty', async () => {
    const { stream } = await open();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    expect(await reader.next({ bytesMax: 1000, waitMs: 0 })).toEqual([]);
    expect(await reader.next({ bytesMax: 1000, waitMs: 20 })).toEqual([]);
  });

  test('an abort ends the wait with its reason, and the reader goes on', async () => {
    const { stream, producer } = await open();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    const stop = new AbortController();
    const reason = new Error('The stage stops.');
    const waiting = reader.next({ bytesMax: 1000, waitMs: FOREVER_MS, signal: stop.signal });
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(reader.next({ ...AT_ONCE, signal: stop.signal })).rejects.toBe(reason);
    await producer.append(TOPIC_EVENTS, 0, payloadOf(1));
    expect(await reader.next(AT_ONCE)).toHaveLength(1);
  });
}
