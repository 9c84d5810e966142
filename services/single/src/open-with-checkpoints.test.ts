import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock, type Log } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_SERIES } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWithCheckpoints } from './open-with-checkpoints.ts';

let directory: string;
let warnings: Readonly<Record<string, unknown>>[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
  warnings = [];
});
afterEach(async () => await rm(directory, { recursive: true }));

const log: Log = { ...silentLog, warn: (fields) => void warnings.push({ ...fields }) };
const openIt = (): Promise<SegmentStream> =>
  openWithCheckpoints({
    ...{ directory, partitions: 2, owns: [TOPIC_SERIES, TOPIC_CHECKPOINTS] },
    ...{ clock: systemClock, log },
  });

/** Some records in every partition, and none is being written. */
async function fill(): Promise<void> {
  const stream = await openIt();
  const producer = stream.producer();
  for (const topic of [TOPIC_SERIES, TOPIC_CHECKPOINTS] as const) {
    for (const partition of [0, 1]) await producer.append(topic, partition, new Uint8Array(9000));
  }
  await stream.close();
}

async function damage(topic: string, partition: number): Promise<void> {
  const path = join(directory, topic, String(partition));
  const [name] = await readdir(path);
  const file = await open(join(path, name!), 'r+');
  await file.write(Buffer.alloc(100, 0xff), 0, 100, 4000);
  await file.close();
}

test('damaged checkpoints of a partition are put aside, and nothing else is', async () => {
  await fill();
  await damage(TOPIC_CHECKPOINTS, 1);
  const stream = await openIt();
  expect(await stream.bounds(TOPIC_CHECKPOINTS, 0)).toEqual({ start: 0, end: 1 });
  expect(await stream.bounds(TOPIC_CHECKPOINTS, 1)).toEqual({ start: 0, end: 0 });
  expect(await stream.bounds(TOPIC_SERIES, 1)).toEqual({ start: 0, end: 1 });
  await stream.close();
  expect(warnings).toMatchObject([{ partition: 1 }]);
  expect(await readdir(join(directory, 'damaged.checkpoints.1'))).toHaveLength(1);
});

test('a damaged topic that is no copy of anything still stops whoever opens it', async () => {
  await fill();
  await damage(TOPIC_SERIES, 1);
  await expect(openIt()).rejects.toMatchObject({ code: 'STREAM_CORRUPT' });
  expect(await readdir(directory)).not.toContain('damaged.checkpoints.1');
});
