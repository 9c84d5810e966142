import { silentLog, systemClock } from '@millrace/runtime';
import { freePort, isMissing, reportMissing } from '@millrace/runtime/testing';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type Stream } from '../stream.ts';
import { openKafkaStream, type KafkaStreamParams } from './kafka-stream.ts';
import { AppendTrail, readTexts } from './testing/append-trail.ts';
import { startKafkaBroker } from './testing/kafka-broker.ts';
import { startTcpProxy } from './testing/tcp-proxy.ts';
import { makeTestTopics, type TestTopics } from './testing/test-topics.ts';

// A broker of its own, to be hurt; it tells its clients to come through a proxy.
const port = await freePort();
const proxyPort = await freePort();
const proxy = await startTcpProxy({ port: proxyPort, targetPort: port });
const broker = await startKafkaBroker({
  own: true,
  port,
  settings: { 'advertised.listeners': `BROKER://127.0.0.1:${proxyPort}` },
});
if (isMissing(broker)) {
  reportMissing(broker);
  await proxy.close();
}

const AT_ONCE = { bytesMax: 1024 * 1024, waitMs: 0 } as const;
const unreachable = { code: STREAM_CODES.unreachable, kind: 'transient' };

describe.skipIf(isMissing(broker))('a log in a Kafka in trouble', () => {
  if (isMissing(broker)) return;
  const opened: Stream[] = [];
  afterEach(async () => {
    proxy.swallowAnswers(false);
    proxy.refuse(false);
    broker.resume();
    await Promise.all(opened.splice(0).map((stream) => stream.close()));
  });
  afterAll(async () => {
    await broker.stop();
    await proxy.close();
  });

  const open = async (
    params: Partial<KafkaStreamParams> = {},
  ): Promise<{ stream: Stream; topics: TestTopics }> => {
    const topics = await makeTestTopics({ url: `127.0.0.1:${proxyPort}`, partitions: 4 });
    return { topics, stream: await openAgain(topics, params) };
  };
  const openAgain = async (
    topics: TestTopics,
    params: Partial<KafkaStreamParams> = {},
  ): Promise<Stream> => {
    const base = { ...topics, clock: systemClock, log: silentLog };
    const stream = await openKafkaStream({ ...base, ...params });
    opened.push(stream);
    return stream;
  };

  test('killed and started again under appends: none is lost, none is there twice', async () => {
    const { stream } = await open();
    const trail = new AppendTrail(stream);
    let isOver = false;
    const appending = trail.appendUntil(() => isOver);
    await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(300), 20_000);
    await broker.kill();
    const before = trail.acknowledged;
    await broker.restart();
    await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(before + 300), 20_000);
    isOver = true;
    await appending;
    expect(trail.rejected).toEqual([]);
    expect(await trail.findFaults(stream)).toEqual([]);
  }, 60_000);

  test('silent for longer than an append waits: the rejected is there once at most', async () => {
    const { stream } = await open({ settings: { requestMs: 400, appendMs: 1200 } });
    const trail = new AppendTrail(stream);
    let isOver = false;
    const appending = trail.appendUntil(() => isOver);
    await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(300), 20_000);
    broker.pause();
    await vi.waitFor(() => expect(trail.rejected.length).toBeGreaterThan(16), 20_000);
    broker.resume();
    const before = trail.acknowledged;
    await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(before + 300), 20_000);
    isOver = true;
    await appending;
    for (const error of trail.rejected) expect(error).toMatchObject(unreachable);
    expect(await trail.findFaults(stream)).toEqual([]);
  }, 60_000);

  test('connections are cut again and again: what was acknowledged is there once', async () => {
    const { stream } = await open();
    const trail = new AppendTrail(stream);
    let isOver = false;
    const appending = trail.appendUntil(() => isOver);
    for (let cuts = 1; cuts <= 12; cuts += 1) {
      const before = trail.acknowledged;
      await vi.waitFor(() => expect(trail.acknowledged).toBeGreaterThan(before + 50), 20_000);
      // Requests still get through for a moment, and their answers do not.
      if (cuts % 2 === 0) proxy.swallowAnswers(true);
      const { swallowed } = proxy;
      if (cuts % 2 === 0)
        await vi.waitFor(() => expect(proxy.swallowed).toBeGreaterThan(swallowed), 10_000);
      proxy.cut();
      proxy.swallowAnswers(false);
    }
    isOver = true;
    await appending;
    expect(trail.rejected).toEqual([]);
    expect(await trail.findFaults(stream)).toEqual([]);
  }, 60_000);

  test('an answer is lost: the append is made again and is there once', async () => {
    const { stream } = await open();
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, bytesOf('first'));
    const { swallowed } = proxy;
    proxy.swallowAnswers(true);
    const appended = producer.append(TOPIC_EVENTS, 0, bytesOf('second'));
    await vi.waitFor(() => expect(proxy.swallowed).toBeGreaterThan(swallowed), 10_000);
    proxy.cut();
    proxy.swallowAnswers(false);
    expect((await appended).offset).toBe(1);
    expect((await producer.append(TOPIC_EVENTS, 0, bytesOf('third'))).offset).toBe(2);
    expect(await textsOf(stream)).toEqual(['first', 'second', 'third']);
  });

  test('an outcome that stays unknown is never taken for that of the next append', async () => {
    const { stream, topics } = await open({ settings: { requestMs: 300, appendMs: 900 } });
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, bytesOf('first'));
    proxy.swallowAnswers(true);
    // It is in the log, and we are not told.
    await expect(producer.append(TOPIC_EVENTS, 0, bytesOf('ghost'))).rejects.toMatchObject({
      ...unreachable,
      message: expect.stringContaining('may still appear in the log, once'),
    });
    proxy.swallowAnswers(false);
    proxy.cut();
    // With the numbers of the ghost the broker would say that this one is there already.
    expect((await producer.append(TOPIC_EVENTS, 0, bytesOf('other'))).offset).toBe(2);
    expect(await textsOf(await openAgain(topics))).toEqual(['first', 'ghost', 'other']);
  });

  test('an append that never left is rejected as not appended', async () => {
    const { stream } = await open({ settings: { connectMs: 300, requestMs: 300, appendMs: 1500 } });
    const producer = stream.producer();
    proxy.refuse(true);
    proxy.cut();
    await expect(producer.append(TOPIC_EVENTS, 0, bytesOf('lost'))).rejects.toMatchObject({
      ...unreachable,
      message: expect.stringContaining('The record was not appended'),
    });
    proxy.refuse(false);
    expect((await producer.append(TOPIC_EVENTS, 0, bytesOf('kept'))).offset).toBe(0);
    expect(await textsOf(stream)).toEqual(['kept']);
  });

  test('while no broker answers, more than the bound is refused and memory stays', async () => {
    const settings = { requestMs: 300, appendMs: 2000, inFlightBytesMax: 100_000 };
    const { stream } = await open({ settings });
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, bytesOf('first'));
    broker.pause();
    const ended = await Promise.allSettled(
      Array.from({ length: 200 }, () => producer.append(TOPIC_EVENTS, 1, new Uint8Array(10_000))),
    );
    const codes = ended.map((end) => (end.status === 'rejected' ? end.reason.code : 'appended'));
    expect(codes.filter((code) => code === STREAM_CODES.overloaded)).toHaveLength(190);
    expect(codes.filter((code) => code === STREAM_CODES.unreachable)).toHaveLength(10);
    broker.resume();
    await producer.append(TOPIC_EVENTS, 1, new Uint8Array(10_000));
  });

  test('closing does not wait for a broker that hangs', async () => {
    const { stream } = await open({ settings: { closeMs: 300 } });
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, bytesOf('first'));
    broker.pause();
    const reading = stream.reader(TOPIC_EVENTS, 0, 1).next({ ...AT_ONCE, waitMs: 60_000 });
    const appended = producer.append(TOPIC_EVENTS, 0, bytesOf('second'));
    const closed = { code: STREAM_CODES.closed };
    const ends = Promise.allSettled([appended, reading]);
    const startMs = performance.now();
    await stream.close();
    for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: closed });
    expect(performance.now() - startMs).toBeLessThan(3000);
  });

  test('readers wait a while, say so, and go on where they were', async () => {
    const { stream } = await open({ settings: { retryMs: 1000, requestMs: 500 } });
    const producer = stream.producer();
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    for (const text of ['a', 'b', 'c']) await producer.append(TOPIC_EVENTS, 0, bytesOf(text));
    expect(await reader.next({ bytesMax: 1, waitMs: 5000 })).toHaveLength(1);
    await broker.kill();
    // What it holds already it still gives.
    const held = [
      ...(await reader.next({ bytesMax: 1, waitMs: 5000 })),
      ...(await reader.next({ bytesMax: 1, waitMs: 5000 })),
    ];
    expect(held.map(({ offset }) => offset)).toEqual([1, 2]);
    for (let times = 0; times < 2; times += 1) {
      await expect(reader.next({ bytesMax: 1, waitMs: 60_000 })).rejects.toMatchObject(unreachable);
      await expect(stream.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject(unreachable);
    }
    await broker.restart();
    const appended = producer.append(TOPIC_EVENTS, 0, bytesOf('d'));
    const [next] = await reader.next({ bytesMax: 1, waitMs: 20_000 });
    expect(next?.offset).toBe((await appended).offset);
    expect(next?.offset).toBe(3);
    expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 4 });
  }, 60_000);

  test('opening waits for a broker, for a time, and until it is stopped', async () => {
    const { topics } = await open();
    await broker.kill();
    const settings = { openMs: 800 };
    await expect(openAgain(topics, { settings })).rejects.toMatchObject(unreachable);
    const stop = new AbortController();
    const stopped = openAgain(topics, { signal: stop.signal });
    stop.abort(new Error('The process stops.'));
    await expect(stopped).rejects.toThrow('The process stops.');
    const opening = openAgain(topics);
    await broker.restart();
    const stream = await opening;
    expect((await stream.producer().append(TOPIC_EVENTS, 0, bytesOf('x'))).offset).toBe(0);
  }, 60_000);

  async function textsOf(stream: Stream): Promise<string[]> {
    return (await readTexts(stream, 0)).map(({ text }) => text);
  }
});

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
