import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileBinding } from '@millrace/archive';
import { silentLog, systemClock } from '@millrace/runtime';
import { openLmdbStateStore } from '@millrace/state/lmdb';
import {
  TOPIC_CHECKPOINTS,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  TOPICS,
  type Stream,
} from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { dataRecord, logStart } from '@millrace/transformer/testing';
import { encodeEventsRecord } from '@millrace/wire';
import { createMeter } from '@millrace/runtime';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runCommand } from '../testing/served-rules.ts';

const T0 = 1_700_000_000_000_000;
const NEVER = new AbortController().signal;

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
});
afterEach(async () => await rm(dataDir, { recursive: true }));

const run = (...args: string[]) => runCommand(['checkpoint', ...args, '--data-dir', dataDir]);

/** Every record is a segment of its own: damage in one hides no other. */
async function openLog(settings: { retentionMs?: number } = {}): Promise<Stream> {
  return await openSegmentStream({
    settings: { segmentBytes: 8_000, ...settings },
    ...{ directory: join(dataDir, 'log'), partitions: 1, owns: TOPICS },
    ...{ clock: systemClock, log: silentLog },
  });
}

/** A log with so many records more, folded and committed, and a checkpoint of that. */
async function foldAndCheckpoint(records: number): Promise<number> {
  const stream = await openLog();
  const state = openLmdbStateStore({ directory: join(dataDir, 'state') });
  const producer = stream.producer();
  const { end } = await stream.bounds(TOPIC_EVENTS, 0);
  const start = end === 0 ? logStart().map(({ record }) => record) : [];
  const more = Array.from({ length: records }, (_, i) =>
    dataRecord({
      ...{ samples: [{ labels: { __name__: 'm' }, timeUs: T0 + end + i, value: i }] },
      ...{ receivedAtUs: T0, sequence: end + i + 1 },
    }),
  );
  for (const record of [...start, ...more]) {
    await producer.append(TOPIC_EVENTS, 0, encodeEventsRecord(record));
  }
  const transformer = createTransformer(
    { stream, state, clock: systemClock, log: silentLog, meter: createMeter() },
    { ...DEFAULT_TRANSFORMER_SETTINGS, tickMs: 60_000, partitions: [0] },
  );
  const running = transformer.run();
  const target = (await stream.bounds(TOPIC_EVENTS, 0)).end;
  await vi.waitFor(
    () => expect(transformer.status().partitions[0]?.position).toBeGreaterThanOrEqual(target),
    { timeout: 10_000 },
  );
  await transformer.stop();
  await running;
  const [outcome] = await transformer.checkpoint({ isAsked: true, signal: NEVER });
  expect(outcome).toMatchObject({ outcome: 'made', position: target });
  await stream.close();
  await state.close();
  return target;
}

describe('millrace checkpoint', () => {
  test('tells where there is no log, and where there are no checkpoints', async () => {
    const nowhere = await run('list');
    expect(nowhere.code).toBe(1);
    expect(nowhere.err).toContain('There is no log in');
    expect(nowhere.err).toContain('STREAM_NOT_SET_UP');
    await (await openLog()).close();
    expect((await run('list')).out).toContain('no checkpoints yet');
    expect((await run('verify')).code).toBe(0);
  });

  test('lists and verifies those of a process that does not run', async () => {
    const positions = [await foldAndCheckpoint(3), await foldAndCheckpoint(4)];
    const { out, code } = await run('list');
    expect(code).toBe(0);
    expect(out).toMatch(/partition +position +age +size +complete +usable/);
    const { checkpoints } = JSON.parse((await run('list', '--json')).out) as {
      checkpoints: { position: number; isComplete: boolean; isUsable: boolean }[];
    };
    expect(checkpoints.map(({ position }) => position)).toEqual(positions.toReversed());
    expect(checkpoints.every(({ isComplete, isUsable }) => isComplete && isUsable)).toBe(true);
    const verified = await run('verify');
    expect(verified).toMatchObject({
      code: 0,
      out: expect.stringMatching(/2 checked, .* damaged/),
    });
  });

  test('verify exits with 1 when a byte is wrong, and list says where', async () => {
    await foldAndCheckpoint(3);
    await foldAndCheckpoint(3);
    const directory = join(dataDir, 'log', TOPIC_CHECKPOINTS, '0');
    const [name] = (await readdir(directory)).toSorted();
    await overwrite(join(directory, name!), 3000);
    const { code, out, err } = await run('verify');
    expect(code).toBe(1);
    expect(err).toContain('CHECKPOINTS_DAMAGED');
    expect(err).toContain('millrace checkpoint now');
    expect(out).toMatch(/damaged/);
    const { checkpoints } = JSON.parse((await run('list', '--json')).out) as {
      checkpoints: { isUsable: boolean; damage?: string }[];
    };
    expect(checkpoints.map(({ isUsable }) => isUsable)).toEqual([true, false]);
    expect(checkpoints[1]?.damage).toMatch(/chunk|checksum/);
  });

  test('the end of the log may be what is damaged', async () => {
    await foldAndCheckpoint(3);
    const directory = join(dataDir, 'log', TOPIC_CHECKPOINTS, '0');
    const name = (await readdir(directory)).toSorted().at(-1);
    await overwrite(join(directory, name!), 100);
    expect((await run('list')).out).toContain('its end cannot be read');
    expect((await run('verify')).code).toBe(1);
  });

  test('restore goes back to a checkpoint, to the first record, or nowhere', async () => {
    const first = await foldAndCheckpoint(3);
    const second = await foldAndCheckpoint(4);
    const restore = (atMost: number, ...more: string[]) =>
      run('restore', '--partition', '0', '--at-most', String(atMost), ...more);
    expect((await restore(second)).out).toContain(`is at position ${second} already`);
    const back = await restore(second - 1, '--json');
    expect(JSON.parse(back.out)).toEqual({ partition: 0, position: first, from: 'checkpoint' });
    const anew = await restore(first - 1);
    expect(anew.out).toContain("folded again from the log's first record");
    // Whoever folds on from there puts the very same out once more.
    expect(await foldAndCheckpoint(0)).toBe(second);
    const state = openLmdbStateStore({ directory: join(dataDir, 'state') });
    expect((await state.readPosition(0))?.position).toBe(second);
    await state.close();
    const stream = await openLog();
    expect((await stream.bounds(TOPIC_SERIES, 0)).end).toBeGreaterThan(2);
    await stream.close();
    expect((await run('restore', '--partition', 'x', '--at-most', '1')).code).toBe(2);
    expect(await run('restore', '--partition', '9', '--at-most', '1')).toMatchObject({
      ...{ code: 1, err: expect.stringMatching(/^CHECKPOINT_PARTITION: There is no partition 9/) },
    });
  });

  test('restore does not take an archive that nobody named for one that is not there', async () => {
    const first = await foldAndCheckpoint(3);
    // More than a segment each: only whole ones are forgotten, and never the last one.
    const second = await foldAndCheckpoint(60);
    await foldAndCheckpoint(60);
    const restore = () => run('restore', '--partition', '0', '--at-most', String(first));
    const archiveStatus = () => runCommand(['archive', 'status', '--data-dir', dataDir]);
    const stream = await openLog({ retentionMs: 0 });
    try {
      await stream.release(TOPIC_EVENTS, 0, second);
      const { start } = await stream.bounds(TOPIC_EVENTS, 0);
      expect(start).toBeGreaterThan(first);
      expect(await restore()).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^TRANSFORMER_NO_WAY_BACK/m),
      });
      expect((await archiveStatus()).err).toMatch(/^ARCHIVE_NOT_SET: /m);
      const binding = createFileBinding({ stream, logDirectory: join(dataDir, 'log') });
      await binding.bind({ archiveId: 'ab'.repeat(16), where: 's3://bucket/archive' });
    } finally {
      await stream.close();
    }
    for (const command of [restore, archiveStatus]) {
      expect(await command()).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^ARCHIVE_UNSET: .*s3:\/\/bucket\/archive/m),
      });
    }
    const state = openLmdbStateStore({ directory: join(dataDir, 'state') });
    expect((await state.readPosition(0))?.position).toBeGreaterThan(second);
    await state.close();
  });

  test('now asks a running process, and says so when none runs', async () => {
    const { code, err } = await run('now');
    expect(code).toBe(1);
    expect(err).toContain('NOT_RUNNING');
    expect(err).toContain('a clean stop made a checkpoint');
  });
});

async function overwrite(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.from([0xff, 0xff, 0xff]), 0, 3, at);
  await file.close();
}
