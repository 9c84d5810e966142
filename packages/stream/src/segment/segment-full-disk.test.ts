import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { afterAll, expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS } from '../stream.ts';
import { openSegmentStream, type SegmentStream } from './segment-stream.ts';

const mountPoint = mkdtempSync(join(tmpdir(), 'millrace-stream-full-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mountPoint]);
if (mounted.status !== 0) {
  reportMissing({
    what: 'The log on a full disk',
    why: 'mounting a small file system needs root',
    fix: 'sudo npx vitest run packages/stream/src/segment/segment-full-disk.test.ts',
  });
}
afterAll(() => {
  if (mounted.status === 0 && spawnSync('umount', [mountPoint]).status !== 0) {
    throw new Error(`Could not unmount ${mountPoint}.`);
  }
  rmSync(mountPoint, { recursive: true });
});

test.skipIf(mounted.status !== 0)(
  'a full disk refuses transiently, loses nothing, and the log goes on when there is room',
  async () => {
    const ballast = join(mountPoint, 'ballast');
    writeFileSync(ballast, new Uint8Array(1024 * 1024));
    const stream = await open();
    const acknowledged = new Map<string, number>();
    const refused = await appendUntilFull(stream, acknowledged);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toMatchObject({ code: STREAM_CODES.full, kind: 'transient' });
    }
    expect(acknowledged.size).toBeGreaterThan(100);
    await checkAll(stream, acknowledged);
    // Still full: refused again, and nothing is harmed by that.
    for (let i = 0; i < 5; i += 1) {
      await expect(
        stream.producer().append(TOPIC_EVENTS, 0, new Uint8Array(500_000)),
      ).rejects.toMatchObject({ code: STREAM_CODES.full });
    }
    rmSync(ballast);
    const result = await stream.producer().append(TOPIC_EVENTS, 0, payloadOf('after'));
    acknowledged.set('after', result.offset);
    await checkAll(stream, acknowledged);
    await stream.close();
    const again = await open();
    await checkAll(again, acknowledged);
    await again.close();
  },
);

async function open(): Promise<SegmentStream> {
  return openSegmentStream({
    directory: join(mountPoint, 'log'),
    partitions: 2,
    owns: [TOPIC_EVENTS],
    clock: systemClock,
    log: silentLog,
    // What is prepared ahead has less room than what is refused.
    settings: { segmentBytes: 1024 * 1024, aheadBytes: 64 * 1024 },
  });
}

/** Appends to both partitions, several at a time; the refusals of the first round with any. */
async function appendUntilFull(
  stream: SegmentStream,
  acknowledged: Map<string, number>,
): Promise<unknown[]> {
  const producer = stream.producer();
  const refused: unknown[] = [];
  for (let round = 0; refused.length === 0; round += 1) {
    await Promise.all(
      [0, 1, 2, 3].map(async (i) => {
        const name = `${round}.${i}`;
        await producer.append(TOPIC_EVENTS, i % 2, payloadOf(name)).then(
          ({ offset }) => acknowledged.set(name, offset),
          (error: unknown) => refused.push(error),
        );
      }),
    );
  }
  return refused;
}

/** Every acknowledged record is at its offset; only refused ones may be there besides. */
async function checkAll(
  stream: SegmentStream,
  acknowledged: ReadonlyMap<string, number>,
): Promise<void> {
  const found = new Map<string, number>();
  for (const partition of [0, 1]) {
    const reader = stream.reader(TOPIC_EVENTS, partition, 0);
    for (;;) {
      const records = await reader.next({ bytesMax: 256 * 1024, waitMs: 0 });
      if (records.length === 0) break;
      for (const { offset, payload } of records) {
        const name = Buffer.from(payload).toString('latin1').split('|')[0]!;
        expect(found.has(name)).toBe(false);
        found.set(name, offset);
      }
    }
    await reader.close();
  }
  for (const [name, offset] of acknowledged) expect(found.get(name)).toBe(offset);
}

function payloadOf(name: string): Uint8Array {
  return Buffer.from(`${name}|${'x'.repeat(7000)}`);
}
