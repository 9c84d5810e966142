import { setImmediate as nextTurn } from 'node:timers/promises';
import { TOPIC_CHECKPOINTS, type StreamRecord } from '@millrace/stream';
import { expect, test } from 'vitest';
import { checkWritten, RecordsDigest } from './check-written.ts';
import { recordDescriber } from './describe-record.ts';
import { RecordsFile } from './parquet/read-records.ts';
import { RecordsWriter } from './parquet/write-records.ts';

const GROUPS = 8;

/** A file of several groups that cannot be compressed, and what it is to give back. */
async function written(): Promise<{ bytes: Uint8Array; digest: string }> {
  const writer = new RecordsWriter();
  const digest = new RecordsDigest();
  const describe = recordDescriber(TOPIC_CHECKPOINTS);
  for (let offset = 0; offset < GROUPS; offset += 1) {
    const payload = new Uint8Array(1024 * 1024);
    for (let i = 0; i < payload.length; i += 1) payload[i] = (i * i * 31 + offset) >>> 7;
    const record: StreamRecord = { offset, appendTimeUs: offset, payload };
    digest.add(record);
    await writer.add({ ...record, description: describe(payload) });
  }
  return { bytes: await writer.finish(), digest: digest.digest() };
}

test('others have their turn while a range is read back', async () => {
  const { bytes, digest } = await written();
  let turns = 0;
  let isOver = false;
  const checking = checkWritten(bytes, digest).then(() => (isOver = true));
  while (!isOver) {
    await nextTurn();
    turns += 1;
  }
  await checking;
  expect(turns).toBeGreaterThanOrEqual(GROUPS);
});

test('it is left off when it is stopped, and that is no fault of what was written', async () => {
  const { bytes, digest } = await written();
  const stopping = new AbortController();
  const checking = checkWritten(bytes, digest, stopping.signal);
  stopping.abort(new Error('stopped'));
  await expect(checking).rejects.toThrow('stopped');
});

test('to open a file takes no copy of it', async () => {
  const { bytes } = await written();
  const before = process.memoryUsage().arrayBuffers;
  expect(new RecordsFile(bytes).rows).toBe(GROUPS);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes.length / 2);
});
