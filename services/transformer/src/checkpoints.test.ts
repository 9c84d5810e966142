import { CheckpointRetention, newestFirst, type MadeCheckpoint } from '@millrace/checkpoint';
import { appendCheckpoint } from '@millrace/checkpoint/testing';
import { createMeter, MillraceError, silentLog, type Clock, type Log } from '@millrace/runtime';
import type { StatePosition } from '@millrace/state';
import { TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  CheckpointRecordKind,
  encodeCheckpointRecord,
  type CheckpointManifest,
} from '@millrace/wire';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Checkpoints, type MakeCheckpoint } from './checkpoints.ts';
import { createTransformerEvents } from './events.ts';

const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const MINUTE_US = 60_000_000;
const HOUR_MS = 3_600_000;
const PAGE_BYTES = 1000;
const NEVER = new AbortController().signal;
const at = (position: number): StatePosition => ({ logId: LOG_ID, position });

describe('checkpoints of a process', () => {
  let nowUs: number;
  let stream: Stream;
  let warnings: string[];
  let makes: number[];
  const clock: Clock = {
    nowUs: () => nowUs,
    // Only limits of time are waited for, and none is reached here.
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  };
  /** `segmentBytes`: as many records as fit lie in one piece, and are released together. */
  const openLog = (segmentBytes: number): Stream =>
    openMemoryStream(new MemoryLog({ partitions: 2, clock, settings: { segmentBytes } }));
  beforeEach(() => {
    nowUs = 1_700_000_000_000_000;
    stream = openLog(1);
    warnings = [];
    makes = [];
  });
  const really: MakeCheckpoint = async (partition) => {
    makes.push(partition);
    const pages = new Map([['page', new Uint8Array(PAGE_BYTES)]]);
    return await appendCheckpoint(stream, {
      ...{ partition, logId: LOG_ID, position: makes.length, pages, clock },
    });
  };
  const begin = (
    make: MakeCheckpoint = really,
    keptBytesMax = 1e9,
    segmentBytes = 1,
  ): Checkpoints => {
    const log: Log = { ...silentLog, warn: (_, message) => warnings.push(message) };
    const events = createTransformerEvents(log, createMeter());
    return new Checkpoints({
      ...{ stream, make, clock, events },
      settings: { intervalMs: HOUR_MS, keptCount: 3, keptBytesMax, segmentBytes },
    });
  };
  /** Lets what was begun come to its end. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200; i += 1) await Promise.resolve();
  };
  const passMinutes = async (
    checkpoints: Checkpoints,
    minutes: number,
    committed: StatePosition | undefined,
  ): Promise<void> => {
    nowUs += minutes * MINUTE_US;
    checkpoints.whenDue(0, committed);
    await settle();
  };

  it('are made a minute after the start where there are none, then every hour', async () => {
    const checkpoints = begin();
    await passMinutes(checkpoints, 0, at(100));
    await passMinutes(checkpoints, 0.9, at(100));
    expect(makes).toEqual([]);
    await passMinutes(checkpoints, 0.2, at(100));
    expect(makes).toEqual([0]);
    await passMinutes(checkpoints, 59, at(200));
    expect(makes).toEqual([0]);
    await passMinutes(checkpoints, 2, at(200));
    expect(makes).toEqual([0, 0]);
  });

  it('go on counting from the one that is there', async () => {
    await appendCheckpoint(stream, { logId: LOG_ID, position: 5, clock });
    nowUs += 50 * MINUTE_US;
    const checkpoints = begin();
    await passMinutes(checkpoints, 0, at(100));
    await passMinutes(checkpoints, 9, at(100));
    expect(makes).toEqual([]);
    await passMinutes(checkpoints, 2, at(100));
    expect(makes).toEqual([0]);
  });

  it('are not made of nothing, nor twice of the same', async () => {
    const checkpoints = begin();
    await passMinutes(checkpoints, 0, undefined);
    await passMinutes(checkpoints, 120, undefined);
    expect(makes).toEqual([]);
    await passMinutes(checkpoints, 1, at(1));
    await passMinutes(checkpoints, 120, at(1));
    expect(makes).toEqual([0]);
    const unchanged = { partition: 0, outcome: 'unchanged' };
    expect(await checkpoints.makeAll([0], { isAsked: false, signal: NEVER })).toEqual([unchanged]);
    const made = await checkpoints.makeAll([0, 1], { isAsked: true, signal: NEVER });
    expect(made.map(({ outcome }) => outcome)).toEqual(['made', 'made']);
  });

  it('are made at the end of what was owned a moment ago', async () => {
    const checkpoints = begin();
    expect(checkpoints.recent).toEqual([]);
    checkpoints.whenDue(1, at(1));
    nowUs += 50_000_000;
    checkpoints.whenDue(0, at(1));
    expect(checkpoints.recent).toEqual([0, 1]);
    nowUs += 30_000_000;
    expect(checkpoints.recent).toEqual([0]);
    expect(
      await checkpoints.makeAll(checkpoints.recent, { isAsked: false, signal: NEVER }),
    ).toEqual([expect.objectContaining({ partition: 0, outcome: 'made' })]);
  });

  it('are not put off by a clock that was set back', async () => {
    const checkpoints = begin();
    await passMinutes(checkpoints, 0, at(1));
    await passMinutes(checkpoints, 2, at(1));
    await passMinutes(checkpoints, -600, at(2));
    await passMinutes(checkpoints, 61, at(2));
    expect(makes).toEqual([0, 0]);
  });

  it('are tried again a minute after a failure, which is told', async () => {
    let isAway = true;
    const checkpoints = begin(async (partition, signal) => {
      if (!isAway) return await really(partition, signal);
      makes.push(partition);
      throw new MillraceError({ code: 'STREAM_FULL', kind: 'transient', message: 'No room.' });
    });
    await passMinutes(checkpoints, 0, at(1));
    await passMinutes(checkpoints, 2, at(1));
    await passMinutes(checkpoints, 0.5, at(1));
    expect(makes).toEqual([0]);
    expect(warnings).toEqual([expect.stringContaining('No checkpoint could be made')]);
    const [asked] = await checkpoints.makeAll([1], { isAsked: true, signal: NEVER });
    expect(asked).toEqual({
      ...{ partition: 1, outcome: 'failed', code: 'STREAM_FULL', message: 'No room.' },
    });
    isAway = false;
    await passMinutes(checkpoints, 1, at(1));
    expect(makes).toEqual([0, 1, 0]);
    expect((await stream.bounds(TOPIC_CHECKPOINTS, 0)).end).toBe(2);
  });

  it('are put off while those that cannot be released fill their bytes', async () => {
    const checkpoints = begin(really, 1.5 * PAGE_BYTES);
    await passMinutes(checkpoints, 0, at(100));
    await passMinutes(checkpoints, 2, at(100));
    await passMinutes(checkpoints, 61, at(200));
    expect(makes).toEqual([0, 0]);
    await passMinutes(checkpoints, 61, at(300));
    expect(makes).toEqual([0, 0]);
    expect(warnings).toEqual([expect.stringContaining('too far behind')]);
    await checkpoints.makeAll([0], { isAsked: false, signal: NEVER });
    expect(makes).toEqual([0, 0]);
    await stream.release(TOPIC_CHECKPOINTS, 0, 2);
    await passMinutes(checkpoints, 61, at(300));
    expect(makes).toEqual([0, 0, 0]);
  });

  it('are not put off for those that the log cannot let go of: these share a segment', async () => {
    const [segmentBytes, keptBytesMax] = [10.5 * PAGE_BYTES, 1.5 * PAGE_BYTES];
    stream = openLog(segmentBytes);
    const checkpoints = begin(really, keptBytesMax, segmentBytes);
    const retention = new CheckpointRetention({ stream }, { keptCount: 3, keptBytesMax });
    await passMinutes(checkpoints, 0, at(100));
    for (let count = 1; count <= 40; count += 1) {
      await passMinutes(checkpoints, 61, at(100 + count));
      // The store has everything: what there was waits for nothing but this.
      await retention.release(0, at(1000));
      expect(makes).toHaveLength(count);
    }
    // They go by segments, and do not fill the disk.
    const { start, end } = await stream.bounds(TOPIC_CHECKPOINTS, 0);
    expect(end - start).toBeLessThan(2 * 2 * 12);
  });

  it('are put off all the same when the log can let go of a segment of them', async () => {
    const [segmentBytes, keptBytesMax] = [3.5 * PAGE_BYTES, 1.5 * PAGE_BYTES];
    stream = openLog(segmentBytes);
    const checkpoints = begin(really, keptBytesMax, segmentBytes);
    await passMinutes(checkpoints, 0, at(100));
    for (let count = 1; count <= 40; count += 1)
      await passMinutes(checkpoints, 61, at(100 + count));
    // Four before the newest one are more than a segment.
    expect(makes).toHaveLength(5);
    const retention = new CheckpointRetention({ stream }, { keptCount: 3, keptBytesMax });
    await retention.release(0, at(1000));
    await passMinutes(checkpoints, 61, at(200));
    expect(makes).toHaveLength(6);
  });

  it('are made although one takes all their bytes, or the newest is damaged', async () => {
    const checkpoints = begin(really, 0.5 * PAGE_BYTES);
    await passMinutes(checkpoints, 0, at(100));
    await passMinutes(checkpoints, 2, at(100));
    await passMinutes(checkpoints, 61, at(200));
    expect(makes).toEqual([0, 0]);
    const manifest = {
      ...(await findNewest(stream)),
      checkpointId: '00'.repeat(16),
    };
    const payload = encodeCheckpointRecord({ kind: CheckpointRecordKind.manifest, ...manifest });
    await stream.producer().append(TOPIC_CHECKPOINTS, 0, payload);
    await passMinutes(checkpoints, 61, at(300));
    expect(makes).toEqual([0, 0, 0]);
    await passMinutes(checkpoints, 61, at(400));
    expect(makes).toEqual([0, 0, 0]);
  });

  it('are made one at a time, and given up when the process stops', async () => {
    const underWay: AbortSignal[] = [];
    const checkpoints = begin(
      (_, signal) =>
        new Promise<MadeCheckpoint>((_resolve, reject) => {
          underWay.push(signal);
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    for (const partition of [0, 1]) checkpoints.whenDue(partition, at(1));
    await settle();
    nowUs += 2 * MINUTE_US;
    for (const partition of [0, 1]) checkpoints.whenDue(partition, at(1));
    await vi.waitFor(() => expect(underWay).toHaveLength(1), 10_000);
    await checkpoints.stop();
    expect(underWay).toHaveLength(1);
    expect(underWay[0]!.aborted).toBe(true);
    expect(warnings).toEqual([]);
    checkpoints.whenDue(0, at(2));
    await settle();
    expect(underWay).toHaveLength(1);
  });
});

async function findNewest(stream: Stream): Promise<CheckpointManifest> {
  for await (const { manifest } of newestFirst({ stream, partition: 0 })) return manifest;
  throw new Error('there is none');
}
