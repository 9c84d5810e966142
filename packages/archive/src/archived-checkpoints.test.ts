import {
  CheckpointRetention,
  newestFirst,
  readCheckpoint,
  recordDigest,
  whyUnusable,
} from '@millrace/checkpoint';
import { appendCheckpoint } from '@millrace/checkpoint/testing';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointArchiver } from './archive-checkpoints.ts';
import { createArchivedTo } from './archived-ends.ts';
import { readOne } from './read-log.ts';
import { createArchivedLog, LOG_ID, START_US, type ArchivedLog } from './testing/archived-log.ts';
import { verifyArchive } from './verify-archive.ts';
import { withArchive } from './with-archive.ts';

const HOUR_US = 3_600_000_000;
const STATE_VERSION = 1;

describe('checkpoints in the archive', () => {
  let scene: ArchivedLog;
  let archiver: CheckpointArchiver;
  let nowUs: number;
  beforeEach(async () => {
    scene = await createArchivedLog();
    nowUs = START_US;
    archiver = createArchiver();
  });
  afterEach(() => scene.close());
  const createArchiver = (): CheckpointArchiver =>
    new CheckpointArchiver(
      { ...scene, onArchived: () => undefined, onTooLarge: () => expect.fail('too large') },
      { checkpointMs: (2 * HOUR_US) / 1000 },
    );
  const archive = (): Promise<void> => archiver.archive(0, LOG_ID, { nowUs });
  const pagesAt = (position: number): Map<string, Uint8Array> =>
    new Map([['page', new Uint8Array(5000).fill(position)]]);
  const make = async (position: number, logId: string = LOG_ID): Promise<void> => {
    const what = { topic: TOPIC_EVENTS, partition: 0, offset: position - 1 } as const;
    const lastDigest = recordDigest(await readOne(scene.stream, what));
    const clock = { nowUs: () => nowUs, sleep: async () => undefined };
    const pages = pagesAt(position);
    const more = { chunkBytesMax: 1500, stateVersion: STATE_VERSION, clock };
    await appendCheckpoint(scene.stream, { logId, position, lastDigest, pages, ...more });
  };
  const positions = async (stream: Stream): Promise<number[]> => {
    const found: number[] = [];
    for await (const { manifest } of newestFirst({ stream, partition: 0 })) {
      found.push(manifest.position);
    }
    return found;
  };

  it('are copied now and then, the newest that is whole and of this log', async () => {
    scene.append(100);
    for (const position of [10, 20, 30, 40, 50, 60]) {
      nowUs += HOUR_US;
      await make(position);
      if (position === 40) await make(45, 'ff'.repeat(16));
      await archive();
      if (position === 30) archiver = createArchiver();
    }
    const names = [];
    for await (const { name } of scene.files.list({ prefix: `${TOPIC_CHECKPOINTS}/` })) {
      if (name.endsWith('.json')) names.push(name);
    }
    expect(names).toHaveLength(3);
    expect(await verifyArchive(scene)).toMatchObject({ faults: [], ranges: 3, unnamedFiles: 0 });
  });

  it('are found behind those of the log, and their events with them', async () => {
    scene.append(100);
    for (const position of [10, 20, 30, 40, 50, 60]) {
      nowUs += HOUR_US;
      await make(position);
      await archive();
    }
    const archivedTo = await scene.archive();
    const retention = new CheckpointRetention(
      { stream: scene.stream, archivedTo: createArchivedTo({ ...scene, clock: scene.clock }) },
      { keptCount: 1, keptBytesMax: 1e9 },
    );
    await retention.release(0, { logId: LOG_ID, position: 60 });
    expect((await scene.stream.bounds(TOPIC_EVENTS, 0)).start).toBe(59);
    expect(archivedTo).toBeGreaterThan(60);
    expect(await positions(scene.stream)).toEqual([60]);

    const stream = withArchive(scene);
    expect(await positions(stream)).toEqual([60, 50, 30, 10]);
    const place = { stream, partition: 0 };
    for await (const placed of newestFirst(place)) {
      const { manifest } = placed;
      expect(await whyUnusable(place, manifest, [STATE_VERSION])).toBeUndefined();
      expect(await readCheckpoint(place, placed)).toEqual(pagesAt(manifest.position));
    }
  });

  it('let no event go that is not archived', async () => {
    scene.append(100);
    nowUs += HOUR_US;
    await make(80);
    const parts = { stream: scene.stream, archivedTo: () => archivedTo };
    const retention = new CheckpointRetention(parts, { keptCount: 1, keptBytesMax: 1e9 });
    const start = async (): Promise<number> => (await scene.stream.bounds(TOPIC_EVENTS, 0)).start;
    let archivedTo: number | Promise<number> = Promise.reject(new Error('the archive is away'));
    await make(90);
    await expect(retention.release(0, { logId: LOG_ID, position: 100 })).rejects.toThrow('away');
    expect(await start()).toBe(0);
    // Checkpoints are not archived to be kept: they must not pile up meanwhile.
    expect(await positions(scene.stream)).toEqual([90]);
    archivedTo = 0;
    await retention.release(0, { logId: LOG_ID, position: 100 });
    expect(await start()).toBe(0);
    archivedTo = 30;
    await retention.release(0, { logId: LOG_ID, position: 100 });
    // The last one that is archived stays: by it the log is recognised.
    expect(await start()).toBe(29);
    archivedTo = 99;
    await retention.release(0, { logId: LOG_ID, position: 100 });
    expect(await start()).toBe(89);
  });
});
