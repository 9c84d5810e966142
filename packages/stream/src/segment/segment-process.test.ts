import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream, type Topic } from '../stream.ts';
import { createSegmentShared, disownTopic } from './segment-shared.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';

const PARTITIONS = 2;
const FOREVER_MS = 600_000;
const fixture = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

// The fixtures run in plain Node, on the package as it is shipped, so it must be up to date.
beforeAll(() => {
  const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const built = spawnSync(process.execPath, [join(dirname(compiler), 'bin/tsc'), '-b', root]);
  if (built.status !== 0) throw new Error(`tsc -b packages/stream: ${String(built.stdout)}`);
}, 60_000);

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-stream-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('what the operating system is asked for', () => {
  const { status } = spawnSync('strace', ['-f', 'true']);
  if (status !== 0) {
    reportMissing({
      what: 'The proof that the flush comes before the ack',
      why: 'strace is not installed or may not trace here',
      fix: 'apt-get install strace',
    });
  }

  test.skipIf(status !== 0)('a write that is flushed returned before the ack was given', () => {
    const traceFile = join(directory, 'trace');
    const calls = 'trace=openat,write,writev,pwrite64,pwritev';
    const child = spawnSync(
      'strace',
      ['-f', '-y', '-s', '128', '-e', calls, '-o', traceFile, process.execPath].concat(
        fixture('append-child.mjs'),
        join(directory, 'log'),
      ),
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );
    expect(child.stdout).toBe('opened\nacknowledged 0\n');
    const lines = readFileSync(traceFile, 'utf8').split('\n');
    const find = (what: RegExp, from = 0): number =>
      lines.findIndex((line, i) => i >= from && what.test(line));
    const written = find(/p?write\w*\(.*\.seg.*the record that must be flushed first/);
    expect(written).toBeGreaterThan(find(/write\(1<.*opened/));
    const descriptor = /write\w*\((\d+)</.exec(lines[written]!)![1];
    const opened = new RegExp(`openat\\(.*\\.seg.*O_DSYNC.*= ${descriptor}<`);
    expect(lines.slice(0, written).some((line) => opened.test(line))).toBe(true);
    const flushed = findReturn(lines, written);
    const acknowledged = find(/write\(1<.*acknowledged 0/);
    expect(flushed).toBeGreaterThanOrEqual(written);
    expect(acknowledged).toBeGreaterThan(flushed);
  });
});

describe('several threads', () => {
  test('each owns a topic, reads the other, and asks the other to append and release', async () => {
    const { own, worker, opened, ended } = await startThreads();
    const bounds = own.bounds(TOPIC_SERIES, 0);
    await opened;
    expect(await bounds).toEqual({ start: 0, end: 0 });
    const producer = own.producer();
    const seen = [0, 1].map((partition) => readUntil(own, { partition, count: 301 }));
    for (let i = 0; i < 300; i += 10) {
      await Promise.all(
        Array.from({ length: 20 }, (_, j) =>
          producer.append(TOPIC_EVENTS, j % 2, Buffer.from(`event ${i + (j >> 1)}`)),
        ),
      );
    }
    // A tick into the topic that the worker owns, from a view of a larger buffer.
    const tick = new Uint8Array(Buffer.from('xx tick')).subarray(3);
    const results = [0, 1].map((partition) => producer.append(TOPIC_SERIES, partition, tick));
    for (const { offset } of await Promise.all(results)) expect(offset).toBeLessThan(301);
    expect(Buffer.from(tick).toString()).toBe('tick');
    for (const texts of await Promise.all(seen)) {
      expect(texts.filter((text) => text !== 'tick')).toEqual(
        Array.from({ length: 300 }, (_, i) => `event ${i}`),
      );
    }
    const tooLarge = producer.append(TOPIC_SERIES, 0, new Uint8Array(2 ** 20 + 1));
    await expect(tooLarge).rejects.toMatchObject({
      code: STREAM_CODES.recordTooLarge,
      kind: 'permanent',
    });
    worker.postMessage('stop');
    expect(await ended).toEqual({ tick: { offset: 300, appendTimeUs: expect.any(Number) } });
    await expect(producer.append(TOPIC_SERIES, 0, tick)).rejects.toMatchObject({
      code: STREAM_CODES.closed,
      kind: 'transient',
    });
    await own.close();
  });

  test('a thread that ends in the middle leaves the others able to go on', async () => {
    const { own, worker, opened, shared } = await startThreads();
    await opened;
    const producer = own.producer();
    await producer.append(TOPIC_EVENTS, 0, Buffer.from('event'));
    await readUntil(own, { partition: 0, count: 1 });
    // It waits for events in both partitions at this moment.
    await worker.terminate();
    await producer.append(TOPIC_EVENTS, 0, Buffer.from('event'));
    await expect(producer.append(TOPIC_SERIES, 0, Buffer.from('tick'))).rejects.toMatchObject({
      code: STREAM_CODES.closed,
    });
    expect(await own.reader(TOPIC_EVENTS, 0, 0).next({ bytesMax: 100, waitMs: 0 })).toHaveLength(2);
    await expect(openOwn(shared, new Map(), TOPIC_SERIES)).rejects.toMatchObject({
      code: STREAM_CODES.owned,
    });
    disownTopic(shared, TOPIC_SERIES);
    const heir = await openOwn(shared, new Map(), TOPIC_SERIES);
    expect((await heir.producer().append(TOPIC_SERIES, 0, Uint8Array.of(1))).offset).toBe(1);
    await heir.close();
    await own.close();
  });

  test('a topic that is neither owned nor reachable is a defect', async () => {
    const own = await openOwn(createSegmentShared(PARTITIONS), new Map());
    await expect(own.producer().append(TOPIC_SERIES, 0, Uint8Array.of(1))).rejects.toMatchObject({
      kind: 'defect',
    });
    await expect(own.release(TOPIC_SERIES, 0, 0)).rejects.toMatchObject({ kind: 'defect' });
    expect(() => own.serveAppends(TOPIC_SERIES, new MessageChannel().port1)).toThrow(/owns/);
    await own.close();
  });

  test('a second owner of a topic is refused, until the first has closed', async () => {
    const shared = createSegmentShared(PARTITIONS);
    const first = await openOwn(shared, new Map());
    await expect(openOwn(shared, new Map())).rejects.toMatchObject({ code: STREAM_CODES.owned });
    await first.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(1));
    await first.close();
    const second = await openOwn(shared, new Map());
    expect((await second.bounds(TOPIC_EVENTS, 0)).end).toBe(1);
    await second.close();
  });

  async function openOwn(
    shared: SharedArrayBuffer,
    peers: ReadonlyMap<Topic, MessageChannel['port1']>,
    topic: Topic = TOPIC_EVENTS,
  ): Promise<SegmentStream> {
    return openSegmentStream({
      directory,
      partitions: PARTITIONS,
      shared,
      owns: [topic],
      peers,
      clock: systemClock,
      log: silentLog,
    });
  }

  /** This thread owns the events, a worker the series; each has a port to the other. */
  async function startThreads(): Promise<{
    own: SegmentStream;
    shared: SharedArrayBuffer;
    worker: Worker;
    opened: Promise<unknown>;
    ended: Promise<unknown>;
  }> {
    const shared = createSegmentShared(PARTITIONS);
    const events = new MessageChannel();
    const series = new MessageChannel();
    const own = await openOwn(shared, new Map([[TOPIC_SERIES, series.port1]]));
    own.serveAppends(TOPIC_EVENTS, events.port1);
    const worker = new Worker(fixture('owner-worker.mjs'), {
      execArgv: [],
      workerData: {
        directory,
        partitions: PARTITIONS,
        shared,
        toEvents: events.port2,
        forSeries: series.port2,
      },
      transferList: [events.port2, series.port2],
    });
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const said = (what: string): Promise<unknown> =>
      new Promise((resolve) => {
        worker.on('message', (message: object) => {
          if (what in message) resolve(message);
        });
      });
    const opened = Promise.race([said('opened'), failed]);
    const ended = Promise.race([said('tick'), failed]);
    return { own, shared, worker, opened, ended };
  }
});

/** The first so many records of a partition of the series, as text. */
async function readUntil(
  stream: Stream,
  params: Readonly<{ partition: number; count: number }>,
): Promise<string[]> {
  const reader = stream.reader(TOPIC_SERIES, params.partition, 0);
  const texts: string[] = [];
  while (texts.length < params.count) {
    const records = await reader.next({ bytesMax: 10_000, waitMs: FOREVER_MS });
    texts.push(...records.map(({ payload }) => Buffer.from(payload).toString()));
  }
  await reader.close();
  return texts;
}

/** The line where the call of a line has returned a count. */
function findReturn(lines: readonly string[], begun: number): number {
  if (/= \d+$/.test(lines[begun]!)) return begun;
  const thread = lines[begun]!.split(' ')[0]!;
  return lines.findIndex(
    (line, i) => i > begun && line.startsWith(thread) && /resumed>.*= \d+$/.test(line),
  );
}
