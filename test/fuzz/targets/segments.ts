import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { silentLog, type Clock } from '@millrace/runtime';
import { StreamError, TOPIC_EVENTS, type StreamRecord } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import {
  FRAME_HEADER_BYTES,
  frameBytes,
  SEGMENT_HEADER_BYTES,
  SimulatedFiles,
} from '@millrace/stream/segment/testing';
import * as fc from 'fast-check';
import type { FuzzTarget, SoundInput } from '../fuzz-target.ts';

const DIRECTORY = '/log';
const FILE = `${DIRECTORY}/metrics.events/0/00000000000000000000.seg`;
const READ_BYTES = 20_000;
const clock: Clock = { nowUs: () => 1_000_000, sleep: () => new Promise(() => undefined) };

/** The payload at an offset, the same in every log: so any record tells whether it is its own. */
function payloadAt(offset: number): Uint8Array {
  const length = (offset * 37) % 300;
  return Uint8Array.from({ length }, (_, i) => (offset * 131 + i * 7) % 256);
}

async function open(files: SimulatedFiles) {
  return openSegmentStream({
    directory: DIRECTORY,
    partitions: 1,
    owns: [TOPIC_EVENTS],
    clock,
    log: silentLog,
    files,
    settings: { aheadBytes: 0 },
  });
}

/** The bytes of a segment that holds so many records, in groups, closed cleanly or not. */
async function writeSegment(groups: readonly number[]): Promise<Uint8Array> {
  const files = new SimulatedFiles(() => 0.5);
  const stream = await open(files);
  const producer = stream.producer();
  let offset = 0;
  for (const size of groups) {
    const appends = Array.from({ length: size }, (_, i) => payloadAt(offset + i));
    await Promise.all(appends.map((payload) => producer.append(TOPIC_EVENTS, 0, payload)));
    offset += size;
  }
  await stream.close();
  return Uint8Array.from(files.content(FILE));
}

const written = await Promise.all(
  [[1], [2, 1], [3, 1, 4], [1, 1, 1, 1, 1, 1], [12, 30, 5], []].map(async (groups) => ({
    bytes: await writeSegment(groups),
    records: groups.reduce((sum, size) => sum + size, 0),
  })),
);

/** Recovers the log and reads all of it, as a start does. */
async function readSegment(bytes: Uint8Array): Promise<StreamRecord[]> {
  const files = new SimulatedFiles(() => 0.5);
  const first = await open(files);
  await first.close();
  files.replace(FILE, bytes);
  const stream = await open(files);
  try {
    const { start, end } = await stream.bounds(TOPIC_EVENTS, 0);
    const reader = stream.reader(TOPIC_EVENTS, 0, start);
    const records: StreamRecord[] = [];
    while (start + records.length < end) {
      const some = await reader.next({ bytesMax: READ_BYTES, waitMs: 0 });
      // They are valid until the next call.
      records.push(...some.map((one) => ({ ...one, payload: one.payload.slice() })));
      assert.ok(some.length > 0, 'the reader finds nothing below the end');
    }
    await reader.close();
    return records;
  } finally {
    await stream.close();
  }
}

const sound: fc.Arbitrary<SoundInput> = fc.constantFrom(...written).map(({ bytes, records }) => ({
  bytes,
  check: (read) => assert.equal((read as StreamRecord[]).length, records),
}));

const common = {
  read: readSegment,
  isRefusal: (error: unknown) => error instanceof StreamError,
  sound,
  words: ['01000000', '02000000', '03000000', '20000000', '4d494c4c52534547'].map((hex) =>
    Uint8Array.from(Buffer.from(hex, 'hex')),
  ),
  // A piece of the file is read at a time, whatever its frames say.
  memory: { perByte: 40, fixedBytes: 8 * 1024 ** 2 },
};

/** Damage as disks and power cuts make it: nothing is ever read that was not written there. */
export const segment: FuzzTarget = {
  ...common,
  name: 'segment',
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    for (const { offset, payload } of outcome.value as StreamRecord[]) {
      assert.deepEqual(Buffer.from(payload), Buffer.from(payloadAt(offset)), `record ${offset}`);
    }
  },
  runs: 200,
};

/** Frames whose checks are right and whose fields are not. */
export const sealedSegment: FuzzTarget = {
  ...common,
  name: 'sealed-segment',
  seal: sealFrames,
  runs: 200,
};

/** Sets the checks of the header and of each frame anew, as far as the lengths lead. */
function sealFrames(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes);
  if (file.length < SEGMENT_HEADER_BYTES) return file;
  file.writeUInt32LE(crc32(file.subarray(0, 28)), 28);
  const salt = file.readUInt32LE(12);
  for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= file.length;) {
    const end = at + frameBytes(file.readUInt32LE(at + 8));
    const payload = file.subarray(at + FRAME_HEADER_BYTES, Math.min(end, file.length));
    file.writeUInt32LE(crc32(payload, salt), at + 4);
    file.writeUInt32LE(crc32(file.subarray(at + 4, at + FRAME_HEADER_BYTES), salt), at);
    at = end;
  }
  return Uint8Array.from(file);
}
