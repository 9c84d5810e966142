import { silentLog, systemClock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '../stream.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';
import { openSegmentView } from './segment-view.ts';
import { SimulatedFiles } from './simulated-files.ts';

const settings = { segmentBytes: 4096 };

test('a view follows a running owner, through segments and forgetting', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const owner = await open(files, { ...settings, retentionMs: 0 });
  const producer = owner.producer();
  const view = await openSegmentView({ directory: '/log', clock: systemClock, settings, files });
  expect(view.partitions).toBe(1);
  expect(await view.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 0 });
  const reader = view.reader(TOPIC_EVENTS, 0, 0);
  const seen: number[] = [];
  for (let i = 0; i < 40; i += 1) {
    await producer.append(TOPIC_EVENTS, 0, payloadOf(i));
    if (i % 4 !== 0) continue;
    const records = await reader.next({ bytesMax: 100_000, waitMs: 10_000 });
    seen.push(...records.map(({ payload }) => payload[0]!));
  }
  while (seen.length < 40) {
    const records = await reader.next({ bytesMax: 100_000, waitMs: 10_000 });
    seen.push(...records.map(({ payload }) => payload[0]!));
  }
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
  await owner.release(TOPIC_EVENTS, 0, 40);
  expect((await view.bounds(TOPIC_EVENTS, 0)).start).toBeGreaterThan(30);
  await expect(
    view.reader(TOPIC_EVENTS, 0, 0).next({ bytesMax: 100, waitMs: 0 }),
  ).rejects.toMatchObject({ code: STREAM_CODES.outOfRange });
  await view.close();
  await owner.close();
});

test('what is forgotten between two looks of a view is out of range, and no damage', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const owner = await open(files, { ...settings, retentionMs: 0 });
  const producer = owner.producer();
  for (let i = 0; i < 40; i += 1) await producer.append(TOPIC_EVENTS, 0, payloadOf(i));
  const view = await openSegmentView({ directory: '/log', clock: systemClock, settings, files });
  expect((await view.bounds(TOPIC_EVENTS, 0)).start).toBe(0);
  await owner.release(TOPIC_EVENTS, 0, 40);
  await expect(
    view.reader(TOPIC_EVENTS, 0, 0).next({ bytesMax: 100, waitMs: 0 }),
  ).rejects.toMatchObject({ code: STREAM_CODES.outOfRange });
  await view.close();
  await owner.close();
});

test('a view changes nothing, and never shows what no file proves to be flushed', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const owner = await open(files, settings);
  await owner.producer().append(TOPIC_EVENTS, 0, payloadOf(1));
  await owner.close();
  const again = await open(files, settings);
  let left: SimulatedFiles | undefined;
  files.gate = (operation) => {
    if (operation === 'flush') left ??= files.crash('kill');
  };
  await again.producer().append(TOPIC_EVENTS, 0, payloadOf(2));
  await again.close();
  // Killed within the flush: the second record is in the file, whole.
  const before = left!.paths().map((path) => left!.content(path).toString('hex'));
  const view = await openSegmentView({ directory: '/log', clock: systemClock, files: left! });
  expect(await view.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: 1 });
  expect(await numbers(view)).toEqual([1]);
  await expect(view.producer().append(TOPIC_EVENTS, 0, payloadOf(3))).rejects.toThrow(/reading/);
  await expect(view.release(TOPIC_EVENTS, 0, 1)).rejects.toThrow(/reading/);
  await view.close();
  expect(left!.paths().map((path) => left!.content(path).toString('hex'))).toEqual(before);
  const recovered = await open(left!, settings);
  expect(await numbers(recovered)).toEqual([1, 2]);
  await recovered.close();
});

test('a view of a damaged log says so, and one of no log too', async () => {
  const files = new SimulatedFiles(() => 0.5);
  const opening = (): Promise<Stream> =>
    openSegmentView({ directory: '/log', clock: systemClock, files });
  await expect(opening()).rejects.toMatchObject({
    code: STREAM_CODES.notSetUp,
    message: expect.stringContaining('There is no log in /log'),
    remedy: expect.stringContaining('millrace up'),
  });
  const owner = await open(files, settings);
  for (let i = 0; i < 3; i += 1) await owner.producer().append(TOPIC_EVENTS, 0, payloadOf(i));
  await owner.close();
  const path = files.paths().find((name) => name.endsWith('.seg'))!;
  files.content(path)[50]! ^= 1;
  const view = await opening();
  await expect(view.bounds(TOPIC_EVENTS, 0)).rejects.toMatchObject({
    code: STREAM_CODES.corrupt,
    kind: 'permanent',
  });
  expect(await view.bounds(TOPIC_SERIES, 0)).toEqual({ start: 0, end: 0 });
  await view.close();
});

async function open(
  files: SimulatedFiles,
  given: Parameters<typeof openSegmentStream>[0]['settings'],
): Promise<SegmentStream> {
  const place = { directory: '/log', partitions: 1, owns: [TOPIC_EVENTS] as const };
  return openSegmentStream({
    ...place,
    clock: systemClock,
    log: silentLog,
    settings: given ?? {},
    files,
  });
}

async function numbers(stream: Stream): Promise<number[]> {
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const found: number[] = [];
  for (;;) {
    const records = await reader.next({ bytesMax: 1000, waitMs: 0 });
    if (records.length === 0) return found;
    found.push(...records.map(({ payload }) => payload[0]!));
  }
}

function payloadOf(number: number): Uint8Array {
  return new Uint8Array(300).fill(number);
}
