import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMeter, silentLog, systemClock as clock } from '@millrace/runtime';
import { openLmdbStateStore, type LmdbStateStore } from '@millrace/state/lmdb';
import { TOPIC_EVENTS, TOPICS } from '@millrace/stream';
import {
  createSegmentShared,
  openSegmentStream,
  type SegmentStream,
} from '@millrace/stream/segment';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { logStart } from '@millrace/transformer/testing';
import { encodeEventsRecord } from '@millrace/wire';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readSingleSettings } from '../settings.ts';
import { createCheckpointMaker, type CheckpointMaker } from './checkpoint-maker.ts';

/** As it is built: a thread of its own does not run from the sources. */
const ENTRY = new URL('../../dist/threads/checkpoint-thread.js', import.meta.url);
const PARTITIONS = 3;
const NEVER = new AbortController().signal;

let base: string;
let stream: SegmentStream;
let state: LmdbStateStore;
let maker: CheckpointMaker;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'millrace-maker-'));
  const directories = { log: join(base, 'log'), state: join(base, 'state') };
  const shared = createSegmentShared(PARTITIONS);
  stream = await openSegmentStream({
    ...{ directory: directories.log, partitions: PARTITIONS, shared, owns: TOPICS },
    ...{ clock, log: silentLog },
  });
  state = openLmdbStateStore({ directory: directories.state });
  const { settings } = readSingleSettings({ MILLRACE_PARTITIONS: `${PARTITIONS}` });
  const data = { directories: { ...directories, jobs: '', postgres: '' }, settings };
  maker = createCheckpointMaker({ stream, entry: ENTRY }, { ...data, sharedLog: shared });
});
afterEach(async () => {
  await maker.close();
  await stream.close();
  await state.close();
  await rm(base, { recursive: true });
});

/** A state of every partition. */
async function fold(): Promise<void> {
  const producer = stream.producer();
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  for (const partition of partitions) {
    for (const { record } of logStart()) {
      await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(record));
    }
  }
  const transformer = createTransformer(
    { stream, state, clock, log: silentLog, meter: createMeter() },
    { ...DEFAULT_TRANSFORMER_SETTINGS, tickMs: 60_000, partitions },
  );
  const running = transformer.run();
  const { end } = await stream.bounds(TOPIC_EVENTS, 0);
  await vi.waitFor(() => {
    const positions = transformer.status().partitions.map(({ position }) => position);
    expect(positions).toEqual(partitions.map(() => end));
  }, 10_000);
  await transformer.stop();
  await running;
}

test('one thread makes all checkpoints, and is there between them', async () => {
  await fold();
  const threads = vi.spyOn(stream, 'serveAppends');
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const made = await maker.make(partition, NEVER);
    expect(made?.manifest).toMatchObject({ position: logStart().length, chunkCount: 1 });
  }
  expect(threads).toHaveBeenCalledTimes(1);
  // One that comes while it is busy does not wait for it, and afterwards there is one again.
  await Promise.all([maker.make(0, NEVER), maker.make(1, NEVER)]);
  expect(threads).toHaveBeenCalledTimes(2);
  expect(await maker.make(2, NEVER)).toBeDefined();
  expect(threads).toHaveBeenCalledTimes(2);
});

test('what goes wrong is told, and the next checkpoint has a thread of its own', async () => {
  await fold();
  const ending = new AbortController();
  expect(await maker.make(0, NEVER)).toBeDefined();
  const making = maker.make(1, ending.signal);
  ending.abort(new Error('no time is left'));
  await expect(making).rejects.toThrow('no time is left');
  expect(await maker.make(1, NEVER)).toBeDefined();
});
