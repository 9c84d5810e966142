import type { MadeCheckpoint } from '@millrace/checkpoint';
import { appendCheckpoint } from '@millrace/checkpoint/testing';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { expect, it } from 'vitest';
import { CheckpointRoom } from './checkpoint-room.ts';

const { signal } = new AbortController();

/** Three checkpoints that are held, of which two have room. */
async function begin(): Promise<{ stream: Stream; room: CheckpointRoom; made: MadeCheckpoint[] }> {
  // The first manifest does not fit behind its chunk: it lies in one segment with the next one.
  const segmentBytes = 1100;
  const settings = { segmentBytes, retentionMs: 0 };
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock: systemClock, settings }));
  const made: MadeCheckpoint[] = [];
  const room = new CheckpointRoom(stream, { keptCount: 1, keptBytesMax: 1500, segmentBytes });
  for (const [position, bytes] of [
    [10, 1000],
    [20, 300],
    [30, 1000],
  ] as const) {
    const pages = new Map([['header', new Uint8Array(bytes)]]);
    const one = await appendCheckpoint(stream, { logId: 'ab', position, pages });
    room.note(0, {
      offset: one.offset,
      first: one.manifest.firstChunkOffset,
      bytes: one.manifest.pagesBytes,
    });
    made.push(one);
  }
  return { stream, room, made };
}

it('has none for another one while more are held, and the store may let go of some', async () => {
  const { room } = await begin();
  expect(await room.exceeded(0, signal)).toBe(2300);
});

it('does not count one of which only the manifest is left among what others need', async () => {
  const { stream, room, made } = await begin();
  const [gone, next] = made as [MadeCheckpoint, MadeCheckpoint];
  await stream.release(TOPIC_CHECKPOINTS, 0, next.manifest.firstChunkOffset);
  const { start } = await stream.bounds(TOPIC_CHECKPOINTS, 0);
  expect(start).toBe(gone.offset);
  expect(await room.exceeded(0, signal)).toBeUndefined();
});
