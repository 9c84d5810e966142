import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { openSegmentStream, openSegmentView } from '@millrace/stream/segment';
import {
  decodeCheckpointRecord,
  encodeCheckpointRecord,
  type CheckpointManifestRecord,
} from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointScan } from './checkpoint-scan.ts';
import type { MadeCheckpoint } from './make-checkpoint.ts';
import { readCheckpoint } from './read-checkpoint.ts';
import { appendCheckpoint } from './testing/append-checkpoint.ts';

const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const CHUNK_BYTES = 1000;
/** In the place of a record that is missing: those behind it stay where they are. */
const NOTHING = Uint8Array.of(0);

/** About ten chunks that no other checkpoint has. */
async function append(stream: Stream, position: number): Promise<MadeCheckpoint> {
  const pages = new Map(
    Array.from({ length: 9 }, (_, i) => [`p${i}`, new Uint8Array(900).fill(position + i)]),
  );
  return await appendCheckpoint(stream, {
    ...{ logId: LOG_ID, position, pages, chunkBytesMax: CHUNK_BYTES },
  });
}

async function scanOf(stream: Stream): Promise<CheckpointScan> {
  const scan = new CheckpointScan({ stream, partition: 0 });
  await scan.follow();
  return scan;
}

const positions = ({ found }: CheckpointScan): number[] =>
  found.filter(({ fault }) => fault === undefined).map(({ manifest }) => manifest.position);

describe('a scan', () => {
  let log: MemoryLog;
  let stream: Stream;
  beforeEach(() => {
    log = new MemoryLog({ partitions: 1, clock: systemClock, settings: { segmentBytes: 1 } });
    stream = openMemoryStream(log);
  });
  const records = (): Uint8Array[] =>
    log
      .partition(TOPIC_CHECKPOINTS, 0)
      .read(0, Infinity)
      .map(({ payload }) => payload);
  /** The same records in another log, each changed, left out or doubled. */
  const changed = (change: (payload: Uint8Array, i: number) => Uint8Array[]): Stream => {
    const other = new MemoryLog({ partitions: 1, clock: systemClock });
    for (const payload of records().flatMap(change)) {
      other.partition(TOPIC_CHECKPOINTS, 0).append(payload);
    }
    return openMemoryStream(other);
  };

  it('follows what comes, and forgets what is released', async () => {
    const scan = await scanOf(stream);
    expect(scan.found).toEqual([]);
    const made = [await append(stream, 5), await append(stream, 6)];
    await scan.follow();
    expect(positions(scan)).toEqual([5, 6]);
    await append(stream, 7);
    let bytes = 0;
    await scan.follow((read) => (bytes += read));
    expect(positions(scan)).toEqual([5, 6, 7]);
    const sum = (list: readonly Uint8Array[]): number => list.reduce((n, p) => n + p.length, 0);
    expect(bytes).toBe(sum(records().slice(made[1]!.offset + 1)));
    await stream.release(TOPIC_CHECKPOINTS, 0, made[0]!.offset);
    await scan.follow();
    expect(positions(scan)).toEqual([6, 7]);
    expect(positions(await scanOf(stream))).toEqual([6, 7]);
    expect((await scanOf(stream)).unfinished).toEqual([]);
  });

  it('takes what comes twice once', async () => {
    await append(stream, 5);
    const twice = await scanOf(changed((payload) => [payload, payload]));
    expect(twice.found).toHaveLength(1);
    expect(positions(twice)).toEqual([5]);
    expect(twice.unfinished).toEqual([]);
  });

  it('finds every record that is missing or was changed', async () => {
    const { offset } = await append(stream, 5);
    await append(stream, 6);
    for (let at = 0; at < offset; at += 1) {
      const without = changed((payload, i) => [i === at ? NOTHING : payload]);
      expect(positions(await scanOf(without))).toEqual([6]);
      const flipped = changed((payload, i) => {
        if (i === at) payload[payload.length - 1]! ^= 1;
        return [payload];
      });
      const scan = await scanOf(flipped);
      expect(positions(scan)).toEqual([6]);
      expect(scan.found[0]).toMatchObject({ fault: 'its pages fail their checksum' });
      const { manifest } = scan.found[0]!;
      const reading = readCheckpoint({ stream: flipped, partition: 0 }, { manifest, offset });
      await expect(reading).rejects.toMatchObject({
        code: 'CHECKPOINT_DAMAGED',
        kind: 'permanent',
      });
    }
  });

  it.each([
    ['position', 4],
    ['logId', 'ff'.repeat(16)],
    ['lastDigest', '00'],
    ['chunkCount', 1],
    ['pagesBytes', 1],
    ['madeAtUs', 1],
  ] as const)('refuses a manifest whose %s was changed', async (field, value) => {
    const { offset } = await append(stream, 5);
    const other = changed((payload, i) => {
      if (i !== offset) return [payload];
      const manifest = decodeCheckpointRecord(payload) as CheckpointManifestRecord;
      return [encodeCheckpointRecord({ ...manifest, [field]: value })];
    });
    expect((await scanOf(other)).found[0]?.fault).toMatch(/does not fit its id/);
  });

  it('begins where its maker says, as whoever reads it does', async () => {
    const { offset } = await append(stream, 5);
    const told = (firstChunkOffset: number, change: (payload: Uint8Array, i: number) => void) =>
      changed((payload, i) => {
        // The first chunk was sent twice, and its second copy is the one that was answered.
        if (i === 0) return [payload.slice(), (change(payload, i), payload)];
        if (i !== offset) return [payload];
        const manifest = decodeCheckpointRecord(payload) as CheckpointManifestRecord;
        return [encodeCheckpointRecord({ ...manifest, firstChunkOffset })];
      });
    const flip = (payload: Uint8Array): void => void (payload[payload.length - 1]! ^= 1);
    const keep = (): void => undefined;
    const cases = [
      [told(1, keep), true],
      [told(0, flip), true],
      [told(1, flip), false],
      [told(2, keep), false],
    ] as const;
    for (const [other, isWhole] of cases) {
      const [found] = (await scanOf(other)).found;
      expect(found!.fault === undefined).toBe(isWhole);
      const reading = readCheckpoint({ stream: other, partition: 0 }, found!);
      if (isWhole) expect((await reading).size).toBe(9);
      else await expect(reading).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' });
    }
  });

  it('passes over records of a newer release', async () => {
    await append(stream, 5);
    const newer = changed((payload, i) =>
      i === 3 ? [Uint8Array.of(0x91, 9), payload] : [payload],
    );
    const scan = await scanOf(newer);
    expect(positions(scan)).toEqual([5]);
    expect(scan.unreadable).toEqual([{ offset: 3, fault: expect.stringContaining('version 9') }]);
    const { manifest, offset } = scan.found[0]!;
    const pages = await readCheckpoint({ stream: newer, partition: 0 }, { manifest, offset });
    expect(pages.size).toBe(9);
  });
});

describe('damage on the disk', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-checkpoints-'));
  });
  afterEach(async () => await rm(directory, { recursive: true }));

  /** Four checkpoints in files of a few records each, closed. */
  const write = async (): Promise<MadeCheckpoint[]> => {
    const stream = await openSegmentStream({
      ...{ directory, partitions: 1, owns: [TOPIC_CHECKPOINTS], clock: systemClock },
      ...{ log: silentLog, settings: { segmentBytes: 6000 } },
    });
    const made: MadeCheckpoint[] = [];
    for (const position of [5, 6, 7, 8]) made.push(await append(stream, position));
    await stream.close();
    return made;
  };
  const files = async (): Promise<string[]> => {
    const path = join(directory, TOPIC_CHECKPOINTS, '0');
    return (await readdir(path)).toSorted().map((name) => join(path, name));
  };
  const flip = async (file: string, at: number): Promise<void> => {
    const handle = await open(file, 'r+');
    const { size } = await handle.stat();
    const where = Math.floor(at * size);
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, where);
    buffer[0]! ^= 0x55;
    await handle.write(buffer, 0, 1, where);
    await handle.close();
  };

  it('costs the checkpoints it is in and no others, wherever it is', async () => {
    await write();
    const { length } = await files();
    expect(length).toBeGreaterThan(6);
    for (let file = 0; file < length - 1; file += 1) {
      for (const at of [0.2, 0.21, 0.5, 0.9]) {
        const path = (await files())[file]!;
        await flip(path, at);
        const view = await openSegmentView({ directory, clock: systemClock });
        const scan = await scanOf(view);
        const whole = positions(scan);
        // A file has parts of two checkpoints at most.
        expect(whole.length).toBeGreaterThanOrEqual(2);
        expect(whole.length).toBeLessThan(4);
        await view.close();
        await flip(path, at);
      }
    }
  });
});
