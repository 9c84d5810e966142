import { errorKind, silentLog, type Clock } from '@millrace/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '../stream.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';
import { SimulatedFiles } from './simulated-files.ts';

/**
 * Random appends, power cuts, kills, failing writes and failing flushes on simulated files. After
 * each crash: whatever was acknowledged, or read after an earlier crash, is still there at its
 * offset; nothing is there twice or out of order; the log is never called corrupt.
 */
const settings = {
  segmentBytes: 6 * 1024,
  groupBytesMax: 2 * 1024,
  aheadBytes: 2 * 1024,
  mendPauseMs: 0,
};

test('after any crash everything acknowledged is there, once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => survive(seed, 0)),
    { numRuns: 100 },
  );
}, 120_000);

test('also when writes and flushes fail on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => survive(seed, 0.06)),
    { numRuns: 100 },
  );
}, 120_000);

test('wherever the first start was killed, what the next one acknowledges is durable', async () => {
  for (let operation = 1; ; operation += 1) {
    // Whatever was not flushed is gone.
    const files = new SimulatedFiles(() => 0);
    let operations = 0;
    let killed: SimulatedFiles | undefined;
    files.gate = () => {
      operations += 1;
      if (operations === operation) killed = files.crash('kill');
    };
    await (await open(files)).close();
    if (killed === undefined) return expect(operation).toBeGreaterThan(10);
    const stream = await open(killed);
    const { offset } = await stream.producer().append(TOPIC_EVENTS, 0, payloadOf(1, 0));
    const left = killed.crash('power');
    await stream.close();
    const again = await open(left);
    await checkHeld(again, new Map([[offset, 1]]));
    await again.close();
  }
});

test('a log is opened below a directory that may not be read, and none is made there', async () => {
  const files = new SimulatedFiles(() => 0);
  const forbid = (operation: string, path: string): void => {
    if (operation === 'flushDirectory' && path === '/') throw errnoError('EACCES');
  };
  await (await open(files)).close();
  files.gate = forbid;
  await expect(open(files).then((stream) => stream.close())).resolves.toBeUndefined();
  const none = new SimulatedFiles(() => 0);
  none.gate = forbid;
  await expect(open(none)).rejects.toMatchObject({ code: 'STREAM_FORBIDDEN' });
});

async function survive(seed: number, failureRate: number): Promise<void> {
  const random = randomOf(seed);
  let files = new SimulatedFiles(random);
  /** What the log owes: offset to the number in the record. */
  let owed = new Map<number, number>();
  let lastNumber = 0;
  for (let round = 0; round < 5; round += 1) {
    files = await crashWhileOpening(files, { random, failureRate });
    const stream = await open(files);
    owed = await checkHeld(stream, owed);
    const crash = crashAfter(files, { random, failureRate, operations: 60, owed });
    const producer = stream.producer();
    for (let burst = 0; burst < 12; burst += 1) {
      const numbers = Array.from({ length: 1 + Math.floor(random() * 6) }, () => (lastNumber += 1));
      await Promise.all(
        numbers.map(async (number) => {
          const payload = payloadOf(number, Math.floor(random() * 700));
          try {
            const { offset } = await producer.append(TOPIC_EVENTS, 0, payload);
            owed.set(offset, number);
          } catch (error) {
            expect(errorKind(error)).toBe('transient');
          }
        }),
      );
    }
    await stream.close();
    ({ files, owed } = crash.left());
  }
  const stream = await open(files);
  await checkHeld(stream, owed);
  await stream.close();
}

/** Lets the files fail, and notes what a crash after so many operations leaves. */
function crashAfter(
  files: SimulatedFiles,
  params: Readonly<{
    random: () => number;
    failureRate: number;
    operations: number;
    owed: ReadonlyMap<number, number>;
  }>,
): { left: () => { files: SimulatedFiles; owed: Map<number, number> } } {
  const { random, failureRate, owed } = params;
  const how = (): 'power' | 'kill' => (random() < 0.6 ? 'power' : 'kill');
  const crashAt = 1 + Math.floor(random() * params.operations);
  let operations = 0;
  let left: { files: SimulatedFiles; owed: Map<number, number> } | undefined;
  files.gate = () => {
    operations += 1;
    if (operations === crashAt) left = { files: files.crash(how()), owed: new Map(owed) };
    if (random() < failureRate) throw errnoError(random() < 0.5 ? 'EIO' : 'ENOSPC');
  };
  return { left: () => left ?? { files: files.crash(how()), owed: new Map(owed) } };
}

/** Half of the time: a crash in the middle of the recovery, which may fail besides. */
async function crashWhileOpening(
  files: SimulatedFiles,
  params: Readonly<{ random: () => number; failureRate: number }>,
): Promise<SimulatedFiles> {
  if (params.random() < 0.5) return files;
  const crash = crashAfter(files, { ...params, operations: 25, owed: new Map() });
  try {
    await (await open(files)).close();
  } catch (error) {
    expect(errorKind(error)).toBe('transient');
  }
  return crash.left().files;
}

const clock: Clock = { nowUs: () => 1, sleep: () => new Promise(() => undefined) };

async function open(files: SimulatedFiles): Promise<SegmentStream> {
  return openSegmentStream({
    directory: '/log',
    partitions: 1,
    owns: [TOPIC_EVENTS, TOPIC_SERIES],
    clock,
    log: silentLog,
    settings,
    files,
  });
}

/** Checks what the log holds against what it owes; all of it is owed from now on. */
async function checkHeld(
  stream: Stream,
  owed: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const held = new Map<number, number>();
  let last = 0;
  for (;;) {
    const records = await reader.next({ bytesMax: 5000, waitMs: 0 });
    if (records.length === 0) break;
    for (const { offset, payload } of records) {
      const number = Buffer.from(payload).readUInt32LE();
      expect(number).toBeGreaterThan(last);
      last = number;
      held.set(offset, number);
    }
  }
  for (const [offset, number] of owed) expect(held.get(offset)).toBe(number);
  expect([...held.keys()]).toEqual(Array.from(held, (_, i) => i));
  return held;
}

function payloadOf(number: number, more: number): Uint8Array {
  const payload = Buffer.alloc(4 + more, number & 0xff);
  payload.writeUInt32LE(number);
  return payload;
}

function errnoError(code: string): Error {
  return Object.assign(new Error(`${code} by the test`), { code });
}

/** A small seeded generator (mulberry32): the same seed gives the same run. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
