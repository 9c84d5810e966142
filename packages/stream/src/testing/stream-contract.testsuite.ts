import { systemClock, type Clock } from '@millrace/runtime';
import { afterEach, describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import type { StreamSettings } from '../stream-settings.ts';
import {
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  TOPICS,
  type PartitionReader,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from '../stream.ts';

/** A stream under test, and how to get rid of all it left behind. */
export interface StreamUnderTest {
  stream: Stream;
  /** Closes the stream and opens the same log again; left out by a log that cannot outlive it. */
  reopen?: () => Promise<Stream>;
  /** What cannot be asked of this log, each with the reason: those tests are skipped with it. */
  lacks?: Readonly<Partial<Record<LogAbility, string>>>;
  dispose(): Promise<void>;
}

/**
 * `appendClock`: append times are those of the clock it was given. `retentionBytes`,
 * `topicBytesMax`: it keeps these bounds.
 */
export type LogAbility = 'appendClock' | 'retentionBytes' | 'topicBytesMax';

export type OpenStream = (
  params: Readonly<{ partitions: number; clock: Clock; settings: Partial<StreamSettings> }>,
) => Promise<StreamUnderTest>;

/** Long enough that nothing but a wake-up ends it within a test's time. */
const FOREVER_MS = 600_000;
const AT_ONCE = { bytesMax: 8 * 1024 * 1024, waitMs: 0 } as const;

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

type Open = (
  settings?: Partial<StreamSettings>,
  partitions?: number,
) => Promise<StreamUnderTest & { time: { nowUs: number }; producer: Producer }>;

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

function testBounds(open: Open): void {
  test('an empty log reaches from 0 to 0', async () => {
    const { stream } = await open();
    expect(stream.partitions).toBe(2);
    for (const topic of TOPICS) {
      expect(await stream.bounds(topic, 0)).toEqual({ start: 0, end: 0 });
    }
    expect(await stream.bounds(TOPIC_SERIES, 1)).toEqual({ start: 0, end: 0 });
  });

  test('reopening keeps everything and goes on counting', async (context) => {
    const { stream, producer, reopen } = await open({ segmentBytes: 16 * 1024 });
    if (reopen === undefined) {
      context.skip('This log does not outlive its stream, by design.');
      return;
    }
    for (let i = 0; i < 60; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(700, i));
    const before = await readAll(stream, 0, 0);
    let again = await reopen();
    expect(await readAll(again, 0, 0)).toEqual(before);
    expect((await again.producer().append(TOPIC_EVENTS, 0, bytesOf(700, 60))).offset).toBe(60);
    again = await reopen();
    again = await reopen();
    expect((await again.producer().append(TOPIC_EVENTS, 0, bytesOf(700, 61))).offset).toBe(61);
    expect(await readAll(again, 0, 55)).toHaveLength(7);
    expect(await again.bounds(TOPIC_EVENTS, 1)).toEqual({ start: 0, end: 0 });
  });
}

function testRetention(open: Open): void {
  const week = { segmentBytes: 8 * 1024, retentionMs: 7 * 86_400_000 };

  test('nothing is forgotten without a release, nor before its time', async () => {
    const { stream, producer, time } = await open(week);
    for (let i = 0; i < 50; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, i));
    await stream.release(TOPIC_EVENTS, 0, 50);
    expect((await stream.bounds(TOPIC_EVENTS, 0)).start).toBe(0);
    time.nowUs += 8 * 86_400_000_000;
    expect((await stream.bounds(TOPIC_EVENTS, 0)).start).toBe(0);
    expect(await readAll(stream, 0, 0)).toHaveLength(50);
  });

  test('old segments below the position go, whole ones only', async () => {
    const { stream, producer, time } = await open(week);
    for (let i = 0; i < 50; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, i));
    time.nowUs += 8 * 86_400_000_000;
    await stream.release(TOPIC_EVENTS, 0, 20);
    const { start } = await stream.bounds(TOPIC_EVENTS, 0);
    expect(start).toBeGreaterThan(7);
    expect(start).toBeLessThanOrEqual(20);
    expect((await readAll(stream, 0, start)).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 50 - start }, (_, i) => start + i),
    );
    for (const position of [0, start - 1]) {
      await expect(stream.reader(TOPIC_EVENTS, 0, position).next(AT_ONCE)).rejects.toMatchObject({
        code: STREAM_CODES.outOfRange,
        kind: 'permanent',
      });
    }
  });

  test('of the control topic nothing is ever forgotten', async () => {
    const { stream, producer, time } = await open(week);
    for (let i = 0; i < 20; i += 1) await producer.append(TOPIC_CONTROL, 0, bytesOf(1000, i));
    time.nowUs += 8 * 86_400_000_000;
    await expect(stream.release(TOPIC_CONTROL, 0, 20)).rejects.toMatchObject({
      code: STREAM_CODES.misuse,
      kind: 'defect',
    });
    expect(await stream.bounds(TOPIC_CONTROL, 0)).toEqual({ start: 0, end: 20 });
  });

  test('beyond its bytes a partition forgets before the time, if released', async (context) => {
    const { stream, producer, lacks } = await open({ ...week, retentionBytes: 20_000 });
    if (lacks?.retentionBytes !== undefined) {
      context.skip(lacks.retentionBytes);
      return;
    }
    for (let i = 0; i < 50; i += 1) await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, i));
    await stream.release(TOPIC_EVENTS, 0, 10);
    const { start } = await stream.bounds(TOPIC_EVENTS, 0);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(10);
    await stream.release(TOPIC_EVENTS, 0, 50);
    const held = 50 - (await stream.bounds(TOPIC_EVENTS, 0)).start;
    expect(held).toBeGreaterThan(9);
    expect(held).toBeLessThanOrEqual(20);
  });

  test('a full topic refuses, transiently, until something is forgotten', async (context) => {
    const { stream, producer, time, lacks } = await open({ ...week, topicBytesMax: 60_000 });
    if (lacks?.topicBytesMax !== undefined) {
      context.skip(lacks.topicBytesMax);
      return;
    }
    let appended = 0;
    let refusal: unknown;
    while (refusal === undefined) {
      await producer.append(TOPIC_EVENTS, appended % 2, bytesOf(1000, appended)).then(
        () => (appended += 1),
        (error: unknown) => (refusal = error),
      );
    }
    expect(refusal).toMatchObject({ code: STREAM_CODES.full, kind: 'transient' });
    expect(appended).toBeGreaterThan(50);
    expect(appended).toBeLessThanOrEqual(60);
    await producer.append(TOPIC_SERIES, 0, bytesOf(1000, 1));
    time.nowUs += 8 * 86_400_000_000;
    await stream.release(TOPIC_EVENTS, 0, (await stream.bounds(TOPIC_EVENTS, 0)).end);
    await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, 1));
  });
}

function testClosing(open: Open): void {
  test('a closed producer takes nothing; what it had taken is settled', async () => {
    const { stream, producer } = await open();
    const appended = [0, 1, 2].map((i) => producer.append(TOPIC_EVENTS, 0, payloadOf(i)));
    await producer.close();
    expect(await Promise.all(appended)).toHaveLength(3);
    await expect(producer.append(TOPIC_EVENTS, 0, payloadOf(3))).rejects.toMatchObject({
      code: STREAM_CODES.closed,
      kind: 'transient',
    });
    await stream.producer().append(TOPIC_EVENTS, 0, payloadOf(3));
  });

  test('closing the stream ends waits and refuses everything after', async () => {
    const { stream, producer } = await open();
    await fill(producer, 0, 3);
    const reader = stream.reader(TOPIC_EVENTS, 0, 3);
    const waiting = reader
      .next({ bytesMax: 1000, waitMs: FOREVER_MS })
      .catch((error: unknown) => error);
    await stream.close();
    expect(await waiting).toMatchObject({ code: STREAM_CODES.closed });
    const closed = { code: STREAM_CODES.closed, kind: 'transient' };
    await expect(producer.append(TOPIC_EVENTS, 0, payloadOf(1))).rejects.toMatchObject(closed);
    await expect(reader.next(AT_ONCE)).rejects.toMatchObject(closed);
    await expect(stream.reader(TOPIC_EVENTS, 0, 0).next(AT_ONCE)).rejects.toMatchObject(closed);
    await expect(stream.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject(closed);
    await expect(stream.release(TOPIC_EVENTS, 0, 0)).rejects.toMatchObject(closed);
    await stream.close();
  });

  test('a closed reader says so and leaves the others alone', async () => {
    const { stream, producer } = await open();
    const [closed, open_] = [0, 0].map((position) => stream.reader(TOPIC_EVENTS, 0, position));
    await closed!.close();
    await closed!.close();
    await producer.append(TOPIC_EVENTS, 0, payloadOf(1));
    await expect(closed!.next(AT_ONCE)).rejects.toMatchObject({ code: STREAM_CODES.closed });
    expect(await open_!.next(AT_ONCE)).toHaveLength(1);
  });
}

/** Everything from `position` to the end, with payloads of their own. */
async function readAll(
  stream: Stream,
  partition: number,
  position: number,
  topic: Topic = TOPIC_EVENTS,
): Promise<StreamRecord[]> {
  return drain(stream.reader(topic, partition, position));
}

async function drain(reader: PartitionReader): Promise<StreamRecord[]> {
  const all: StreamRecord[] = [];
  for (;;) {
    const records = await reader.next(AT_ONCE);
    if (records.length === 0) break;
    for (const record of records) all.push({ ...record, payload: new Uint8Array(record.payload) });
  }
  await reader.close();
  return all;
}

async function fill(producer: Producer, partition: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => i);
  await Promise.all(numbers.map((i) => producer.append(TOPIC_EVENTS, partition, payloadOf(i))));
}

function payloadOf(number: number): Uint8Array {
  return new TextEncoder().encode(`record ${number}`);
}

function numberOf(payload: Uint8Array): number {
  return Number(new TextDecoder().decode(payload).slice('record '.length));
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}
