import { systemClock } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import { TOPIC_CHECKPOINTS, type Producer, type Stream, StreamError } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { decodeCheckpointRecord } from '@millrace/wire';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CheckpointScan } from './checkpoint-scan.ts';
import { makeCheckpoint } from './make-checkpoint.ts';
import { newestFirst } from './newest-first.ts';
import { readCheckpoint } from './read-checkpoint.ts';
import { appendCheckpoint } from './testing/append-checkpoint.ts';

const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const NEVER = new AbortController().signal;

let log: MemoryLog;
let stream: Stream;
beforeEach(() => {
  log = new MemoryLog({ partitions: 1, clock: systemClock });
  stream = openMemoryStream(log);
});

async function newest() {
  for await (const placed of newestFirst({ stream, partition: 0 })) return placed;
  return undefined;
}

function payloads(): Uint8Array[] {
  return log
    .partition(TOPIC_CHECKPOINTS, 0)
    .read(0, Infinity)
    .map(({ payload }) => payload);
}

function pagesOf(sizes: readonly number[]): Map<string, Uint8Array> {
  return new Map(sizes.map((bytes, i) => [`p${i}`, new Uint8Array(bytes).fill(i + 1)]));
}

describe('a checkpoint', () => {
  it('is read back as it was, whatever the pages are and however they are cut', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 200, max: 2000 }), async (bytes, chunkBytesMax) => {
        const before = payloads().length;
        const pages = pagesOf(bytes);
        const at = { logId: LOG_ID, position: 7 };
        const { manifest, offset } = await appendCheckpoint(stream, {
          ...at,
          pages,
          chunkBytesMax,
        });
        for (const payload of payloads().slice(before, -1)) {
          expect(payload.length).toBeLessThanOrEqual(chunkBytesMax);
        }
        expect(manifest.pageCount).toBe(pages.size);
        expect(await newest()).toEqual({ offset, manifest });
        const read = await readCheckpoint({ stream, partition: 0 }, { offset, manifest });
        expect(read).toEqual(pages);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps to 900 KB a record, and fills them', async () => {
    const pages = pagesOf([10, 2_000_000, 899_000, ...Array<number>(1000).fill(2000)]);
    const { manifest } = await appendCheckpoint(stream, { logId: LOG_ID, position: 7, pages });
    const sizes = payloads().map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(900_000);
    expect(manifest.chunkCount).toBeLessThanOrEqual(Math.ceil(manifest.pagesBytes / 700_000));
  });

  it('is none while nothing is committed', async () => {
    const sources = {
      ...{ state: new MemoryStateStore(), producer: stream.producer(), clock: systemClock },
      describe: () => {
        throw new Error('there is nothing to describe');
      },
    };
    const how = { partition: 0, signal: NEVER };
    expect(await makeCheckpoint(sources, how)).toBeUndefined();
    expect(payloads()).toEqual([]);
  });

  it('is not made of a state that cannot be read, or that is elsewhere', async () => {
    const state = new MemoryStateStore();
    const next = { logId: LOG_ID, position: 7 };
    await state.commit({ partition: 0, expected: undefined, next, pages: pagesOf([5]) });
    const sources = { state, producer: stream.producer(), clock: systemClock };
    const how = { partition: 0, signal: NEVER };
    const unreadable = makeCheckpoint(
      {
        ...sources,
        describe: () => {
          throw new TypeError('a page of it cannot be read');
        },
      },
      how,
    );
    await expect(unreadable).rejects.toThrow('cannot be read');
    const description = {
      ...{ logId: LOG_ID, logNumber: 1, position: 6, lastDigest: '', partitionTimeUs: 0 },
      ...{ stateVersion: 1, foldVersion: 1 },
    };
    const elsewhere = makeCheckpoint({ ...sources, describe: () => description }, how);
    await expect(elsewhere).rejects.toMatchObject({ code: 'CHECKPOINT_STATE' });
    expect(payloads()).toEqual([]);
  });

  it('is whole although appends were lost, or came twice, or late', async () => {
    const pages = pagesOf(Array<number>(20).fill(900));
    const late: (() => Promise<unknown>)[] = [];
    let count = 0;
    const inner = stream.producer();
    const append: Producer['append'] = async (topic, partition, payload) => {
      count += 1;
      const copy = payload.slice();
      if (count % 4 === 1) throw away();
      if (count % 4 === 2) late.push(() => inner.append(topic, partition, copy));
      const result = await inner.append(topic, partition, payload);
      if (count % 4 === 3) {
        // It is in the log, and its maker does not know.
        while (late.length > 0) await late.pop()!();
        throw away();
      }
      return result;
    };
    const lossy: Stream = Object.assign(Object.create(stream) as Stream, {
      producer: () => ({ append, close: () => inner.close() }),
    });
    const at = { logId: LOG_ID, position: 9 };
    const { manifest, offset } = await appendCheckpoint(lossy, {
      ...at,
      pages,
      chunkBytesMax: 2000,
    });
    expect(payloads().length).toBeGreaterThan(manifest.chunkCount + 4);
    const placed = { offset, manifest };
    expect(await readCheckpoint({ stream, partition: 0 }, placed)).toEqual(pages);
    const scan = new CheckpointScan({ stream, partition: 0 });
    await scan.follow();
    expect(scan.found).toMatchObject([{ manifest, fault: undefined }]);
    expect(scan.unfinished).toEqual([]);
  });

  it('of two makers at once is theirs, each of them', async () => {
    const made = await Promise.all(
      [11, 12].map((position) =>
        appendCheckpoint(stream, {
          ...{ logId: LOG_ID, position, chunkBytesMax: 1000 },
          pages: pagesOf([900, position, 3000, 10]),
        }),
      ),
    );
    const ids = payloads().map((payload) => decodeCheckpointRecord(payload).checkpointId);
    // They did interleave.
    expect(ids.indexOf(ids[0]!)).toBeLessThan(ids.lastIndexOf(ids[1]!));
    expect(ids.indexOf(ids[1]!)).toBeLessThan(ids.lastIndexOf(ids[0]!));
    for (const placed of made) {
      const pages = await readCheckpoint({ stream, partition: 0 }, placed);
      expect(pages.get('p1')?.length).toBe(placed.manifest.position);
    }
  });

  it('ends where it is told to, and leaves nothing that counts', async () => {
    const stopping = new AbortController();
    const inner = stream.producer();
    let count = 0;
    const stopped: Stream = Object.assign(Object.create(stream) as Stream, {
      producer: (): Producer => ({
        append: async (...params) => {
          count += 1;
          if (count === 3) stopping.abort();
          return await inner.append(...params);
        },
        close: () => inner.close(),
      }),
    });
    const making = appendCheckpoint(stopped, {
      ...{ logId: LOG_ID, position: 9, pages: pagesOf([900, 900, 900, 900, 900]) },
      ...{ chunkBytesMax: 1000, signal: stopping.signal },
    });
    await expect(making).rejects.toMatchObject({ name: 'AbortError' });
    expect(payloads().length).toBe(3);
    expect(await newest()).toBeUndefined();
    const scan = new CheckpointScan({ stream, partition: 0 });
    await scan.follow();
    expect(scan.found).toEqual([]);
    expect(scan.unfinished).toMatchObject([{ chunks: 3 }]);
  });
});

function away(): StreamError {
  return new StreamError({
    code: 'STREAM_BROKEN',
    message: 'The answer was lost.',
    remedy: 'It is sent again.',
  });
}
