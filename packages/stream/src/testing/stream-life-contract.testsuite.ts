import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_CHECKPOINTS, TOPIC_CONTROL, TOPIC_EVENTS, TOPIC_SERIES, TOPICS } from '../stream.ts';
import { AT_ONCE, bytesOf, fill, FOREVER_MS, payloadOf, readAll } from './contract-records.ts';
import type { Open } from './stream-subject.ts';

export function testBounds(open: Open): void {
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

export function testRetention(open: Open): void {
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

  test('released checkpoints go before any time, and others stay', async () => {
    const { stream, producer } = await open(week);
    for (const topic of [TOPIC_CHECKPOINTS, TOPIC_EVENTS] as const) {
      for (let i = 0; i < 40; i += 1) await producer.append(topic, 1, bytesOf(1000, i));
      await stream.release(topic, 1, 30);
    }
    const { start, end } = await stream.bounds(TOPIC_CHECKPOINTS, 1);
    expect(end).toBe(40);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(30);
    expect(await readAll(stream, 1, 30, TOPIC_CHECKPOINTS)).toHaveLength(10);
    expect(await stream.bounds(TOPIC_EVENTS, 1)).toEqual({ start: 0, end: 40 });
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
    expect(refusal).toMatchObject({ message: expect.stringContaining('told to send again') });
    let ofSeries: unknown;
    for (let i = 0; i < 70 && ofSeries === undefined; i += 1) {
      await producer.append(TOPIC_SERIES, 0, bytesOf(1000, i)).catch((error: unknown) => {
        ofSeries = error;
      });
    }
    // Whoever sends data is not put off by this one.
    expect(ofSeries).toMatchObject({ message: expect.stringContaining('data is taken all the') });
    time.nowUs += 8 * 86_400_000_000;
    await stream.release(TOPIC_EVENTS, 0, (await stream.bounds(TOPIC_EVENTS, 0)).end);
    await producer.append(TOPIC_EVENTS, 0, bytesOf(1000, 1));
  });
}

export function testClosing(open: Open): void {
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

  test('a producer that is closed twice settles both times what it had taken', async () => {
    const { stream, producer } = await open();
    const appended = producer.append(TOPIC_EVENTS, 0, payloadOf(0));
    await Promise.all([producer.close(), producer.close()]);
    expect(await appended).toMatchObject({ offset: 0 });
    await producer.close();
    expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 1 });
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
