import type { Clock, Log, LogFields } from '@millrace/runtime';
import { silentLog } from '@millrace/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type Stream } from '../stream.ts';
import {
  decodeFrameHeader,
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  SEGMENT_HEADER_BYTES,
  type FrameHeader,
  type SegmentHeader,
} from './segment-format.ts';
import type { SegmentSettings } from './segment-settings.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';
import { SimulatedFiles } from './simulated-files.ts';

const FIRST = '/log/metrics.events/0/00000000000000000000.seg';
const clock: Clock = { nowUs: () => 1_000_000, sleep: () => new Promise(() => undefined) };
const corrupt = { code: STREAM_CODES.corrupt, kind: 'permanent' };

describe('a torn end', () => {
  test('is cut off at every byte of the last group, whatever lies behind it', async () => {
    // Three groups of one record, then one of two; no seal, as when power fails at once.
    const { files, frames } = await write([[10], [200], [33], [120, 77]], { aheadBytes: 0 });
    const whole = files.content(FIRST);
    const records = frames.filter(({ kind }) => kind === FrameKind.record);
    const group = records[3]!.at;
    const end = records[4]!.end;
    for (let kept = group; kept <= end; kept += 1) {
      for (const tail of ['nothing', 'zeros', 'noise'] as const) {
        const rest = Buffer.alloc(tail === 'nothing' ? 0 : 300);
        if (tail === 'noise') rest.forEach((_, i) => (rest[i] = (i * 89 + kept) % 253));
        const bytes = Buffer.concat([whole.subarray(0, kept), rest]);
        files.replace(FIRST, bytes);
        // Zeros behind a cut within a frame's own zeros make it whole again.
        const isWhole = (upTo: number): boolean =>
          bytes.subarray(0, upTo).equals(whole.subarray(0, upTo));
        const expected = records.filter((frame) => isWhole(frame.end)).length;
        await checkOpens(files.crash('kill'), expected);
      }
    }
  });

  test('may have holes: sound frames of a group that was never flushed prove nothing', async () => {
    const { files, frames } = await write([[10], [200], [300, 300, 300, 300]], { aheadBytes: 0 });
    const whole = Buffer.from(files.content(FIRST).subarray(0, frames.at(-2)!.end));
    const records = frames.filter(({ kind }) => kind === FrameKind.record);
    whole.fill(0, records[3]!.at + 40, records[3]!.at + 60);
    files.replace(FIRST, whole);
    await checkOpens(files.crash('kill'), 3);
  });

  test('is reported with what it means', async () => {
    const { files, frames } = await write([[10], [200]], { aheadBytes: 0 });
    const { at, end } = frames.filter(({ kind }) => kind === FrameKind.record)[1]!;
    files.replace(FIRST, files.content(FIRST).subarray(0, end - 5));
    const lines: [LogFields, string][] = [];
    const log: Log = { ...silentLog, warn: (fields, message) => lines.push([fields, message]) };
    await (await open(files, {}, log)).close();
    expect(lines).toEqual([
      [
        { where: 'metrics.events/0', file: FIRST, byte: at, tornBytes: 195 + 32, nextOffset: 1 },
        'Cut off a torn end of the log: it was never acknowledged, so nothing is lost.',
      ],
    ]);
  });

  test('zeros written ahead are an end like any other', async () => {
    const { files } = await write([[10], [20]], { aheadBytes: 8192 });
    expect(files.content(FIRST).length).toBeGreaterThan(8192);
    await checkOpens(files.crash('kill'), 2);
  });
});

describe('damage', () => {
  test('any flipped byte of flushed data is found, and nothing is cut off', async () => {
    const { files, frames } = await write([[10], [200, 5], [33], [120, 77]], { aheadBytes: 0 });
    const whole = Buffer.from(files.content(FIRST));
    const records = frames.filter(({ kind }) => kind === FrameKind.record);
    for (let at = 0; at < records.at(-1)!.end; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      files.replace(FIRST, damaged);
      const found = files.crash('kill');
      await expect(open(found)).rejects.toMatchObject(corrupt);
      expect(found.content(FIRST).equals(damaged)).toBe(true);
    }
    // Of the seal itself, nothing depends on it.
    for (let at = records.at(-1)!.end; at < whole.length; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0xff;
      files.replace(FIRST, damaged);
      await checkOpens(files.crash('kill'), records.length);
    }
  });

  test('a wiped stretch of flushed data is found wherever it lies', async () => {
    const { files, frames } = await write([[500], [700], [90, 400], [1000]], { aheadBytes: 0 });
    const whole = Buffer.from(files.content(FIRST));
    const end = frames.findLast(({ kind }) => kind === FrameKind.record)!.end;
    await fc.assert(
      fc.asyncProperty(fc.nat(end - 1), fc.integer({ min: 1, max: 2000 }), async (at, length) => {
        const damaged = Buffer.from(whole);
        damaged.fill(0, at, Math.min(at + length, end));
        fc.pre(!damaged.equals(whole));
        files.replace(FIRST, damaged);
        await expect(open(files.crash('kill'))).rejects.toMatchObject(corrupt);
      }),
      { numRuns: 60 },
    );
  });

  test('a closed segment that is cut short, missing or emptied is found at open', async () => {
    const groups = Array.from({ length: 20 }, () => [500]);
    for (const harm of ['shorter', 'empty', 'missing'] as const) {
      const { files } = await write(groups, { segmentBytes: 2000 });
      const path = files
        .paths()
        .filter((name) => name.endsWith('.seg'))
        .sort()[2]!;
      if (harm === 'missing') await files.unlink(path);
      else {
        const bytes = files.content(path);
        files.replace(path, bytes.subarray(0, harm === 'empty' ? 0 : bytes.length - 8));
      }
      await expect(open(files, { segmentBytes: 2000 })).rejects.toMatchObject(corrupt);
    }
  });

  test('of a closed segment its reader finds it, and says where', async () => {
    const { files } = await write(
      Array.from({ length: 20 }, () => [500]),
      { segmentBytes: 2000 },
    );
    const path = files
      .paths()
      .filter((name) => name.endsWith('.seg'))
      .sort()[1]!;
    const base = Number(path.slice(-24, -4));
    const bytes = Buffer.from(files.content(path));
    bytes[SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 17]! ^= 4;
    files.replace(path, bytes);
    const stream = await open(files, { segmentBytes: 2000 });
    const reader = stream.reader(TOPIC_EVENTS, 0, 0);
    let read = 0;
    const reading = (async () => {
      for (;;) read += (await reader.next({ bytesMax: 600, waitMs: 0 })).length;
    })();
    await expect(reading).rejects.toMatchObject({
      ...corrupt,
      message: expect.stringContaining(`${path} is damaged at byte ${SEGMENT_HEADER_BYTES}`),
    });
    expect(read).toBe(base);
    await stream.close();
  });
});

describe('what is fixed for a log', () => {
  test('another number of partitions is refused, with both numbers', async () => {
    const { files } = await write([[1]], {});
    const opening = openSegmentStream({ ...base(files), partitions: 5 });
    await expect(opening).rejects.toMatchObject({
      code: STREAM_CODES.partitions,
      kind: 'permanent',
      message: expect.stringMatching(/has 1 partitions .* with 5/),
    });
    const reading = openSegmentStream({ ...base(files), partitions: 5, owns: [] });
    await expect(reading).rejects.toMatchObject({ code: STREAM_CODES.partitions });
  });

  test('a damaged or newer log.json is refused', async () => {
    const { files } = await write([[1]], {});
    const refused = [
      ['', STREAM_CODES.corrupt],
      ['[]', STREAM_CODES.corrupt],
      ['{"version":1}', STREAM_CODES.corrupt],
      ['{"version":2,"partitions":1}', STREAM_CODES.version],
    ] as const;
    for (const [text, code] of refused) {
      files.replace('/log/log.json', Buffer.from(text));
      await expect(open(files)).rejects.toMatchObject({ code, kind: 'permanent' });
    }
    expect((await files.readText('/log/log.json')).length).toBeGreaterThan(2);
  });

  test('a segment that was never finished is removed and made again', async () => {
    const { files } = await write([[1]], {});
    const path = `/log/metrics.events/0/00000000000000000009.seg.tmp`;
    await files.open(path, 'create');
    await checkOpens(files, 1);
    expect(files.paths()).not.toContain(path);
  });
});

interface FoundFrame extends FrameHeader {
  at: number;
  end: number;
}

/** A log of one partition with these groups, each a list of payload lengths, closed cleanly. */
async function write(
  groups: readonly (readonly number[])[],
  settings: Partial<SegmentSettings>,
): Promise<{ files: SimulatedFiles; frames: FoundFrame[] }> {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files, settings);
  const producer = stream.producer();
  let number = 0;
  for (const group of groups) {
    await Promise.all(
      group.map((length) => producer.append(TOPIC_EVENTS, 0, payloadOf((number += 1), length))),
    );
  }
  await stream.close();
  return { files, frames: framesOf(files.content(FIRST)) };
}

function framesOf(bytes: Buffer): FoundFrame[] {
  const { salt } = decodeSegmentHeader(bytes) as SegmentHeader;
  const frames: FoundFrame[] = [];
  for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= bytes.length;) {
    const frame = decodeFrameHeader(bytes, at, { position: at, salt });
    if (frame === undefined) break;
    const end = at + frameBytes(frame.payloadBytes);
    frames.push({ ...frame, at, end });
    at = end;
  }
  return frames;
}

/** The log opens with so many records, in order, and goes on from there. */
async function checkOpens(files: SimulatedFiles, count: number): Promise<void> {
  let stream = await open(files, { aheadBytes: 0 });
  expect(await stream.bounds(TOPIC_EVENTS, 0)).toEqual({ start: 0, end: count });
  const next = payloadOf(count + 1, 50);
  expect((await stream.producer().append(TOPIC_EVENTS, 0, next)).offset).toBe(count);
  await stream.close();
  stream = await open(files, { aheadBytes: 0 });
  const numbers = await readNumbers(stream);
  expect(numbers).toEqual(Array.from({ length: count + 1 }, (_, i) => i + 1));
  await stream.close();
}

async function readNumbers(stream: Stream): Promise<number[]> {
  const reader = stream.reader(TOPIC_EVENTS, 0, 0);
  const numbers: number[] = [];
  for (;;) {
    const records = await reader.next({ bytesMax: 10_000, waitMs: 0 });
    if (records.length === 0) return numbers;
    numbers.push(...records.map(({ payload }) => payload[0] ?? 0));
  }
}

function payloadOf(number: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i === 0 ? number : (i * 7 + number) % 256));
}

function base(files: SimulatedFiles): Parameters<typeof openSegmentStream>[0] {
  return { directory: '/log', partitions: 1, owns: [TOPIC_EVENTS], clock, log: silentLog, files };
}

async function open(
  files: SimulatedFiles,
  settings: Partial<SegmentSettings> = {},
  log: Log = silentLog,
): Promise<SegmentStream> {
  return openSegmentStream({ ...base(files), settings, log });
}
