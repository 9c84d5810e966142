import { systemClock, type Clock } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import type { Stream } from '@millrace/stream';
import { makeCheckpoint, type MadeCheckpoint } from '../make-checkpoint.ts';

/** Makes a checkpoint of a state that says of itself what it is told, and holds these pages. */
export async function appendCheckpoint(
  stream: Stream,
  params: Readonly<{
    partition?: number;
    logId: string;
    position: number;
    lastDigest?: string;
    stateVersion?: number;
    pages?: ReadonlyMap<string, Uint8Array>;
    clock?: Clock;
    chunkBytesMax?: number;
    signal?: AbortSignal;
  }>,
): Promise<MadeCheckpoint> {
  const { partition = 0, logId, position, clock = systemClock, chunkBytesMax } = params;
  const state = new MemoryStateStore();
  const pages = params.pages ?? new Map([['header', Uint8Array.of(1, 2, 3)]]);
  await state.commit({ partition, expected: undefined, next: { logId, position }, pages });
  const producer = stream.producer();
  const describe = () => ({
    ...{ logId, logNumber: 1, position, lastDigest: params.lastDigest ?? '', partitionTimeUs: 0 },
    ...{ stateVersion: params.stateVersion ?? 1, foldVersion: 1 },
  });
  const { signal = new AbortController().signal } = params;
  const made = await makeCheckpoint(
    { state, producer, clock, describe },
    { partition, signal, ...(chunkBytesMax === undefined ? {} : { chunkBytesMax }) },
  );
  await producer.close();
  if (made === undefined) throw new Error('nothing was committed');
  return made;
}
