import type { Clock, Log } from '@millrace/runtime';
import { silentLog, systemClock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type AppendResult, type Stream } from '../stream.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';
import { SimulatedFiles, type FileOperation } from './simulated-files.ts';
import { errnoError, untilTurned } from './testing/faulty-files.ts';

const FIRST = '/log/metrics.events/0/00000000000000000000.seg';
const AT_ONCE = { bytesMax: 1024 * 1024, waitMs: 0 } as const;

test('neither the ack nor a reader gets ahead of the flush', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files);
  const held = holdBack(files, 'flush');
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const settled: number[] = [];
  const appends = [1, 2, 3].map(async (n) => {
    const result = await stream.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(n));
    settled.push(n);
    return result;
  });
  await held.reached();
  // The bytes are in the file by now, and whoever reads the file could see them.
  expect(files.content(FIRST).includes(3)).toBe(true);
  const woken = reader.next({ bytesMax: 1000, waitMs: 50 });
  expect(await woken).toEqual([]);
  expect(settled).toEqual([]);
  expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 0 });
  expect(await stream.reader(TOPIC_EVENTS, 0, 0).next(AT_ONCE)).toEqual([]);
  held.let();
  expect((await Promise.all(appends)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
  expect(await reader.next(AT_ONCE)).toHaveLength(3);
  await stream.close();
});

test('what arrives during a flush is one group: one flush for all of it', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files);
  const producer = stream.producer();
  const held = holdBack(files, 'flush');
  const first = producer.append(TOPIC_EVENTS, 0, Uint8Array.of(0));
  await held.reached();
  const rest = Array.from({ length: 100 }, (_, i) =>
    producer.append(TOPIC_EVENTS, 0, Uint8Array.of(i)),
  );
  const operations = count(files);
  held.let();
  await Promise.all([first, ...rest]);
  expect(operations.flush).toBe(1);
  await stream.close();
});

test('a failed write is refused, its rests are removed, and the next append goes on', async () => {
  for (const [code, expected] of [
    ['ENOSPC', STREAM_CODES.full],
    ['EDQUOT', STREAM_CODES.full],
    ['EIO', STREAM_CODES.broken],
  ] as const) {
    const files = new SimulatedFiles(() => 0.9);
    const stream = await open(files, { aheadBytes: 0 });
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 0, new Uint8Array(100));
    failNext(files, 'write', code);
    await expect(producer.append(TOPIC_EVENTS, 0, new Uint8Array(5000))).rejects.toMatchObject({
      code: expected,
      kind: 'transient',
      message: expect.stringContaining('not acknowledged'),
    });
    expect((await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(7))).offset).toBe(1);
    await stream.close();
    expect(await lengths(files.crash('power'))).toEqual([100, 1]);
  }
});

test('what waits behind a failed group is refused with it, so no hole can come', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files);
  const producer = stream.producer();
  const held = holdBack(files, 'flush', 'EIO');
  const appends = [producer.append(TOPIC_EVENTS, 0, Uint8Array.of(1))];
  await held.reached();
  appends.push(producer.append(TOPIC_EVENTS, 0, Uint8Array.of(2)));
  held.let();
  for (const append of appends) {
    await expect(append).rejects.toMatchObject({ code: STREAM_CODES.broken });
  }
  expect((await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(3))).offset).toBe(0);
  await stream.close();
});

test('after a failed flush nothing counts that the kernel calls clean since', async () => {
  // A device that drops what it could not write, and a kernel that then reads the page again.
  const files = new SimulatedFiles(() => 0.99);
  const stream = await open(files, { aheadBytes: 0 });
  const producer = stream.producer();
  await producer.append(
    TOPIC_EVENTS,
    0,
    Uint8Array.from({ length: 100 }, (_, i) => i),
  );
  const operations: FileOperation[] = [];
  let failed = false;
  files.gate = (operation, path) => {
    operations.push(operation);
    if (operation !== 'flush' || failed) return;
    failed = true;
    // The page that also holds the flushed record comes back as something else.
    files.content(path).fill(0xee, 40, 120);
    throw errnoError('EIO');
  };
  await expect(producer.append(TOPIC_EVENTS, 0, new Uint8Array(50))).rejects.toMatchObject({
    code: STREAM_CODES.broken,
    kind: 'transient',
  });
  expect((await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(9))).offset).toBe(1);
  expect(operations.slice(0, 6)).toEqual(['write', 'flush', 'open', 'truncate', 'write', 'flush']);
  await stream.close();
  expect(await lengths(files.crash('power'))).toEqual([100, 1]);
});

test('while it cannot be mended it refuses at once, and tries again after a pause', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const time = { nowUs: 5_000_000 };
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    error: (_, message) => lines.push(message),
    warn: (_, message) => lines.push(message),
  };
  const stream = await open(files, { mendPauseMs: 1000 }, { log, time });
  const producer = stream.producer();
  let attempts = 0;
  files.gate = (operation) => {
    if (operation !== 'write' && operation !== 'truncate') return;
    attempts += 1;
    throw errnoError('EIO');
  };
  const broken = { code: STREAM_CODES.broken, kind: 'transient' };
  const append = (): Promise<AppendResult> => producer.append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  await expect(append()).rejects.toMatchObject(broken);
  await untilTurned(() => lines.length === 2);
  const before = attempts;
  await expect(append()).rejects.toMatchObject(broken);
  expect(attempts).toBe(before);
  time.nowUs += 1_000_000;
  await expect(append()).rejects.toMatchObject(broken);
  expect(attempts).toBeGreaterThan(before);
  files.gate = () => undefined;
  // A clock that is set back does not make the pause longer.
  time.nowUs = 1;
  expect((await append()).offset).toBe(0);
  expect(lines.at(-1)).toBe('The log takes records again.');
  await stream.close();
});

test('a failed rotation refuses and is made up for by the next append', async () => {
  for (const operation of ['open', 'write', 'flush', 'rename', 'flushDirectory'] as const) {
    const files = new SimulatedFiles(() => 0.5);
    const stream = await open(files, { segmentBytes: 1000, aheadBytes: 0 });
    const producer = stream.producer();
    for (let i = 0; i < 2; i += 1) await producer.append(TOPIC_EVENTS, 0, new Uint8Array(400));
    failNext(files, operation, 'ENOSPC');
    await expect(producer.append(TOPIC_EVENTS, 0, new Uint8Array(400))).rejects.toMatchObject({
      code: STREAM_CODES.full,
    });
    expect((await producer.append(TOPIC_EVENTS, 0, new Uint8Array(399))).offset).toBe(2);
    await stream.close();
    expect(await lengths(files.crash('power'))).toEqual([400, 400, 399]);
  }
});

test('closing after a failed rotation leaves a log that opens again', async () => {
  for (const operation of ['open', 'write', 'flush', 'rename', 'flushDirectory'] as const) {
    const files = new SimulatedFiles(() => 0.5);
    const stream = await open(files, { segmentBytes: 1000, aheadBytes: 0 });
    const producer = stream.producer();
    for (let i = 0; i < 2; i += 1) await producer.append(TOPIC_EVENTS, 0, new Uint8Array(400));
    failNext(files, operation, 'EIO');
    await expect(producer.append(TOPIC_EVENTS, 0, new Uint8Array(400))).rejects.toMatchObject({
      code: STREAM_CODES.broken,
    });
    await stream.close();
    expect(await lengths(files.crash('kill'))).toEqual([400, 400]);
    expect(await lengths(files.crash('power'))).toEqual([400, 400]);
  }
});

test('a segment that cannot be removed is tried again with the next release', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files, { segmentBytes: 1000, retentionMs: 0, aheadBytes: 0 });
  const producer = stream.producer();
  for (let i = 0; i < 6; i += 1) await producer.append(TOPIC_EVENTS, 0, new Uint8Array(400));
  failNext(files, 'unlink', 'EIO');
  await expect(stream.release(TOPIC_EVENTS, 0, 6)).rejects.toMatchObject({
    code: STREAM_CODES.broken,
    kind: 'transient',
  });
  await stream.release(TOPIC_EVENTS, 0, 6);
  expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 4, end: 6 });
  expect(files.paths().filter((path) => path.includes('events/0/'))).toHaveLength(1);
  await stream.close();
});

test('a read that fails is transient, and the reader goes on after it', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files);
  await stream.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  failNext(files, 'read', 'EIO');
  await expect(reader.next(AT_ONCE)).rejects.toMatchObject({
    code: STREAM_CODES.broken,
    kind: 'transient',
  });
  expect(await reader.next(AT_ONCE)).toHaveLength(1);
  await stream.close();
});

test('a directory that may not be written is said to be so', async () => {
  const files = new SimulatedFiles(() => 0.5);
  failNext(files, 'open', 'EACCES');
  await expect(open(files)).rejects.toMatchObject({
    code: STREAM_CODES.forbidden,
    kind: 'permanent',
  });
});

async function open(
  files: SimulatedFiles,
  settings: Parameters<typeof openSegmentStream>[0]['settings'] = {},
  params: Readonly<{ log?: Log; time?: { nowUs: number } }> = {},
): Promise<SegmentStream> {
  const time = params.time ?? { nowUs: 1_000_000 };
  const clock: Clock = {
    nowUs: () => (time.nowUs += 1),
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
  const { log = silentLog } = params;
  const place = { directory: '/log', partitions: 1, owns: [TOPIC_EVENTS] as const };
  return openSegmentStream({ ...place, clock, log, settings: settings ?? {}, files });
}

async function lengths(files: SimulatedFiles): Promise<number[]> {
  const stream: Stream = await open(files);
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const found: number[] = [];
  for (;;) {
    const records = await reader.next(AT_ONCE);
    if (records.length === 0) break;
    found.push(...records.map(({ payload }) => payload.length));
  }
  await stream.close();
  return found;
}

/** Makes the first such operation wait until `let`, and then fail with `code` if there is one. */
function holdBack(
  files: SimulatedFiles,
  operation: FileOperation,
  code?: string,
): Readonly<{ reached: () => Promise<void>; let: () => void }> {
  let isReached = false;
  let go = (): void => undefined;
  const released = new Promise<void>((resolve) => (go = resolve));
  files.gate = async (asked) => {
    if (asked !== operation || isReached) return;
    isReached = true;
    await released;
    if (code !== undefined) throw errnoError(code);
  };
  return {
    reached: () => untilTurned(() => isReached),
    let: () => go(),
  };
}

function failNext(files: SimulatedFiles, operation: FileOperation, code: string): void {
  let failed = false;
  files.gate = (asked) => {
    if (asked !== operation || failed) return;
    failed = true;
    throw errnoError(code);
  };
}

/** Counts operations from now on, until the log is idle. */
function count(files: SimulatedFiles): Partial<Record<FileOperation, number>> {
  const counted: Partial<Record<FileOperation, number>> = {};
  files.gate = (operation) => {
    counted[operation] = (counted[operation] ?? 0) + 1;
  };
  return counted;
}
