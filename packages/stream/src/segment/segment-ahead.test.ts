import { silentLog, type Clock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type Producer } from '../stream.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';
import { SimulatedFiles, type FileOperation } from './simulated-files.ts';
import { errnoError, untilTurned } from './testing/faulty-files.ts';

const DIRECTORY = '/log/metrics.events/0';
const FIRST = `${DIRECTORY}/00000000000000000000.seg`;
/** As it was opened: what is asked of a file goes by that. */
const FIRST_OPENED = `${FIRST}.tmp`;
const SPARE = `${DIRECTORY}/next.seg.tmp`;
/** Of 200 bytes with its frame: five fit into a segment, and four fill three quarters of it. */
const RECORD = new Uint8Array(168);
const SETTINGS = { segmentBytes: 1100, aheadBytes: 1024 };

test('the next segment is there before it is needed, and no append opens a file', async () => {
  const { files, stream, producer } = await start();
  await append(producer, 4);
  await untilTurned(() => files.paths().includes(SPARE) && files.content(SPARE).length === 1024);
  await append(producer, 1);
  const operations = await operationsOf(files, () => append(producer, 1));
  expect(operations).not.toContain('open');
  expect(operations.filter((one) => one === 'flush').length).toBe(3);
  expect(files.paths()).not.toContain(SPARE);
  expect(await lengths(files.crash('power'))).toHaveLength(6);
  await stream.close();
});

test('without a spare segment one is made when it is needed', async () => {
  for (const operation of ['open', 'write', 'flush'] as const) {
    const { files, stream, producer } = await start();
    await append(producer, 2);
    files.gate = (asked, path) => {
      if (asked === operation && path === SPARE) throw errnoError('ENOSPC');
    };
    await append(producer, 5);
    expect(files.paths()).not.toContain(SPARE);
    await stream.close();
    expect(await lengths(files.crash('power'))).toHaveLength(7);
  }
});

test('a spare segment that cannot be taken refuses, and the next append makes one', async () => {
  for (const operation of ['write', 'flush', 'rename', 'flushDirectory'] as const) {
    const { files, stream, producer } = await start();
    await append(producer, 5);
    await untilTurned(() => files.paths().includes(SPARE) && files.content(SPARE).length === 1024);
    let failed = false;
    files.gate = (asked, path) => {
      const isOther = path === FIRST_OPENED || asked !== operation;
      if (isOther || failed) return;
      failed = true;
      throw errnoError('EIO');
    };
    await expect(producer.append(TOPIC_EVENTS, 0, RECORD)).rejects.toMatchObject({
      code: STREAM_CODES.broken,
    });
    expect((await producer.append(TOPIC_EVENTS, 0, RECORD)).offset).toBe(5);
    await stream.close();
    for (const how of ['kill', 'power'] as const) {
      expect(await lengths(files.crash(how))).toHaveLength(6);
    }
  }
});

test('a spare segment is removed by a clean stop, and by the start after any other', async () => {
  const { files, stream, producer } = await start();
  await append(producer, 4);
  await untilTurned(() => files.paths().includes(SPARE));
  const killed = files.crash('kill');
  expect(killed.paths()).toContain(SPARE);
  const again = await open(killed);
  expect(killed.paths()).not.toContain(SPARE);
  await again.close();
  await stream.close();
  expect(files.paths()).not.toContain(SPARE);
});

test('zeros behind the end of a segment are no damage, and go at the next start', async () => {
  const { files, stream, producer } = await start();
  // The first segment's zeros stay: whoever would cut them off is killed.
  files.gate = (operation, path) => {
    if (operation === 'truncate' && path === FIRST_OPENED) throw errnoError('EIO');
  };
  await append(producer, 4);
  await untilTurned(() => files.content(FIRST).length === SETTINGS.segmentBytes);
  await append(producer, 2);
  await stream.close();
  const bytes = files.content(FIRST).length;
  const left = files.crash('kill');
  expect(await lengths(left)).toHaveLength(6);
  expect(left.content(FIRST).length).toBeLessThan(bytes);
  // Anything else behind it still is damage.
  const damaged = files.crash('kill');
  damaged.content(FIRST).fill(1, bytes - 8);
  await expect(open(damaged)).rejects.toMatchObject({ code: STREAM_CODES.corrupt });
});

test('where nothing waits zeros are written ahead, and groups write nothing else', async () => {
  const { files, stream, producer } = await start({
    segmentBytes: 1024 * 1024,
    aheadBytes: 65_536,
  });
  await append(producer, 1);
  await untilTurned(() => files.content(FIRST).length > 65_536);
  const before = files.content(FIRST).length;
  for (let i = 0; i < 20; i += 1) {
    const operations = await operationsOf(files, () => append(producer, 1));
    // The group and its seal.
    expect(operations.filter((one) => one === 'write')).toHaveLength(2);
  }
  expect(files.content(FIRST).length).toBe(before);
  await stream.close();
});

test('an append waits for one piece of the zeros and not for all of them', async () => {
  const { files, stream, producer } = await start({
    segmentBytes: 8 * 1024 * 1024,
    aheadBytes: 1024 * 1024,
  });
  let writes = 0;
  let goOn = (): void => undefined;
  files.gate = async (operation, path) => {
    if (operation !== 'write' || path !== FIRST_OPENED) return;
    writes += 1;
    // The group is the first, its seal the second.
    if (writes === 3) await new Promise<void>((resolve) => (goOn = resolve));
  };
  await append(producer, 1);
  await untilTurned(() => writes === 3);
  const second = append(producer, 1);
  goOn();
  await second;
  // A quarter of a mebibyte came with the first group, as much is the piece.
  expect(files.content(FIRST).length).toBeLessThan(600 * 1024);
  expect(writes).toBe(4);
  // Once nothing waits again, the rest follows.
  await untilTurned(() => files.content(FIRST).length > 1024 * 1024);
  await stream.close();
  expect(await lengths(files.crash('power'))).toHaveLength(2);
});

test('zeros that cannot be written refuse nothing, and are not tried again soon', async () => {
  const { files, stream, producer } = await start();
  let writes = 0;
  files.gate = (operation, path) => {
    if (operation !== 'write' || path !== FIRST_OPENED) return;
    writes += 1;
    // The group is the first, its seal the second.
    if (writes === 3) throw errnoError('ENOSPC');
  };
  await append(producer, 1);
  await untilTurned(() => writes === 3);
  const operations = await operationsOf(files, () => append(producer, 1));
  // The file is mended first: the page that is not full, then the group and its seal.
  expect(operations.filter((one) => one === 'write')).toHaveLength(3);
  await append(producer, 4);
  // The next segment has some again.
  expect(files.content(`${DIRECTORY}/00000000000000000005.seg`).length).toBe(1024);
  await stream.close();
  expect(await lengths(files.crash('power'))).toHaveLength(6);
});

async function start(
  settings: Parameters<typeof openSegmentStream>[0]['settings'] = SETTINGS,
): Promise<{ files: SimulatedFiles; stream: SegmentStream; producer: Producer }> {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files, settings);
  return { files, stream, producer: stream.producer() };
}

async function open(
  files: SimulatedFiles,
  settings: Parameters<typeof openSegmentStream>[0]['settings'] = SETTINGS,
): Promise<SegmentStream> {
  const clock: Clock = { nowUs: () => 1, sleep: () => new Promise(() => undefined) };
  const place = { directory: '/log', partitions: 1, owns: [TOPIC_EVENTS] as const };
  return openSegmentStream({ ...place, clock, log: silentLog, settings: settings ?? {}, files });
}

async function append(producer: Producer, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await producer.append(TOPIC_EVENTS, 0, RECORD);
}

/** What the files were asked for until nothing is asked any more. */
async function operationsOf(
  files: SimulatedFiles,
  doing: () => Promise<void>,
): Promise<FileOperation[]> {
  const operations: FileOperation[] = [];
  files.gate = (operation) => void operations.push(operation);
  await doing();
  for (let turns = 0; turns < 20; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  files.gate = () => undefined;
  return operations;
}

async function lengths(files: SimulatedFiles): Promise<number[]> {
  const stream = await open(files);
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const found: number[] = [];
  for (;;) {
    const records = await reader.next({ bytesMax: 1024 * 1024, waitMs: 0 });
    if (records.length === 0) break;
    found.push(...records.map(({ payload }) => payload.length));
  }
  await stream.close();
  return found;
}
