import { systemClock } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { beforeEach, describe, expect, it } from 'vitest';
import { CheckpointRetention } from './checkpoint-retention.ts';
import { CheckpointScan } from './checkpoint-scan.ts';
import { appendCheckpoint } from './testing/append-checkpoint.ts';

const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const PAGE_BYTES = 1000;

describe('what the log may forget', () => {
  let log: MemoryLog;
  let stream: Stream;
  let retention: CheckpointRetention;
  beforeEach(() => {
    // Every record is a segment of its own and past its retention at once.
    const settings = { segmentBytes: 1, retentionMs: 0 };
    log = new MemoryLog({ partitions: 1, clock: systemClock, settings });
    stream = openMemoryStream(log);
    retention = new CheckpointRetention({ stream }, { keptCount: 3, keptBytesMax: 1e6 });
    for (let i = 0; i < 100; i += 1) log.partition(TOPIC_EVENTS, 0).append(Uint8Array.of(i));
  });
  const append = async (position: number, logId = LOG_ID): Promise<void> => {
    const pages = new Map([['page', new Uint8Array(PAGE_BYTES).fill(position)]]);
    await appendCheckpoint(stream, { logId, position, pages });
  };
  /** Of the newest checkpoint, which has only one: as if the record had never arrived. */
  const loseFirstChunk = (): void => {
    const records = log.partition(TOPIC_CHECKPOINTS, 0).read(0, Infinity);
    const lost = records.length - 2;
    const settings = { segmentBytes: 1, retentionMs: 0 };
    log = new MemoryLog({ partitions: 1, clock: systemClock, settings });
    for (const [number, { payload }] of records.entries()) {
      if (number !== lost) log.partition(TOPIC_CHECKPOINTS, 0).append(payload);
    }
    for (let i = 0; i < 100; i += 1) log.partition(TOPIC_EVENTS, 0).append(Uint8Array.of(i));
    stream = openMemoryStream(log);
  };
  const release = (position: number): Promise<void> =>
    retention.release(0, { logId: LOG_ID, position });
  const eventsStart = async (): Promise<number> => (await stream.bounds(TOPIC_EVENTS, 0)).start;
  const held = async (): Promise<number[]> => {
    const scan = new CheckpointScan({ stream, partition: 0 });
    await scan.follow();
    return scan.found.map(({ manifest }) => manifest.position);
  };

  it('is nothing without a checkpoint, however much is done', async () => {
    await release(90);
    expect(await eventsStart()).toBe(0);
  });

  it('is what lies below the newest checkpoint that is not ahead of what is done', async () => {
    await append(20);
    await append(40);
    await release(19);
    expect(await eventsStart()).toBe(0);
    await release(39);
    expect(await eventsStart()).toBe(19);
    await release(40);
    expect(await eventsStart()).toBe(39);
    await append(60);
    await release(100);
    expect(await eventsStart()).toBe(59);
  });

  it('is never decided by a checkpoint that is not whole, or of another log', async () => {
    await append(20);
    await append(50, 'ff'.repeat(16));
    // Of a checkpoint at 60 only the manifest arrived.
    await append(60);
    loseFirstChunk();
    retention = new CheckpointRetention({ stream }, { keptCount: 3, keptBytesMax: 1e6 });
    await release(100);
    expect(await eventsStart()).toBe(19);
  });

  it('is checkpoints beyond the newest three', async () => {
    for (const position of [10, 20, 30, 40, 50]) await append(position);
    await release(100);
    expect(await held()).toEqual([30, 40, 50]);
    await append(60);
    await release(100);
    expect(await held()).toEqual([40, 50, 60]);
  });

  it('is never the one that the store has not gone past', async () => {
    for (const position of [10, 20, 30, 40, 50, 60, 70]) await append(position);
    await release(25);
    expect(await held()).toEqual([20, 30, 40, 50, 60, 70]);
    expect(await eventsStart()).toBe(19);
    await release(65);
    expect(await held()).toEqual([50, 60, 70]);
    expect(await eventsStart()).toBe(59);
  });

  it('is checkpoints beyond the bytes, but never the newest or the needed one', async () => {
    const settings = { keptCount: 10, keptBytesMax: 2.5 * PAGE_BYTES };
    retention = new CheckpointRetention({ stream }, settings);
    for (const position of [10, 20, 30, 40]) await append(position);
    await release(100);
    expect(await held()).toEqual([30, 40]);
    retention = new CheckpointRetention({ stream }, { keptCount: 10, keptBytesMax: 1 });
    await release(35);
    expect(await held()).toEqual([30, 40]);
    await release(100);
    expect(await held()).toEqual([40]);
  });

  it('is what is damaged between them as well: it takes room that the next one needs', async () => {
    const settings = { keptCount: 3, keptBytesMax: 2.5 * PAGE_BYTES };
    for (const position of [10, 20, 30]) {
      await append(position);
      if (position === 20) loseFirstChunk();
    }
    retention = new CheckpointRetention({ stream }, settings);
    await release(100);
    // Of the three thousand bytes that were held a thousand are left, which leave room for another.
    expect(await held()).toEqual([30]);
  });

  it('is never the one way back for a newer copy of a state that was rolled back', async () => {
    retention = new CheckpointRetention({ stream }, { keptCount: 1, keptBytesMax: 1e6 });
    await append(60);
    await release(100);
    expect(await eventsStart()).toBe(59);
    // The event before each of them is gone: nobody could tell that the log is theirs.
    for (const position of [40, 59]) {
      await append(position);
      await release(position);
      await release(100);
      expect(await held()).toContain(60);
    }
    expect(await eventsStart()).toBe(59);
    await append(70);
    await release(100);
    expect(await held()).toEqual([70]);
  });

  it('is told by whoever owns the partition after somebody else', async () => {
    await append(20);
    await release(100);
    retention.keepOnly([]);
    await append(30);
    await release(100);
    expect(await eventsStart()).toBe(29);
  });
});
