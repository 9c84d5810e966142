import { ADDRESS_ZERO, compareAddress, type Address } from '@millrace/model';
import { systemClock } from '@millrace/runtime';
import type { StoredMark } from '@millrace/store';
import { TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import type { SealedRecord } from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCovering, seek, type Missing } from './seek.ts';
import { recordsOf, TEST_LOG_ID } from './testing/entry-sequence.ts';

const signal = new AbortController().signal;

async function streamWith(records: readonly SealedRecord[]): Promise<Stream> {
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock: systemClock }));
  const producer = stream.producer();
  for (const { payload } of records) await producer.append(TOPIC_SERIES, 0, payload);
  return stream;
}

const marksAt = (mark: Address, logNumber = 1): Map<string, StoredMark> =>
  new Map([['live', { logId: TEST_LOG_ID, logNumber, mark }]]);
const find = (stream: Stream, mark: Address, onMissing: (missing: Missing) => boolean) => {
  const key = { logId: TEST_LOG_ID, logNumber: 1, partition: 0, source: 'live' };
  const cursor = { key, next: mark, hasMark: true };
  const how = { readBytesMax: 1000, readWaitMs: 1000, signal };
  return findCovering({ stream, partition: 0, cursor, onMissing, ...how });
};
const SOURCES = ['live', 'job-8', 'job-9'] as const;
const never = (): boolean => expect.unreachable();

describe('seek', () => {
  it('ends at the first record that is not wholly below the mark', async () => {
    const records = recordsOf({ position: 40, recordBytesMax: 300 });
    const stream = await streamWith(records);
    const last = records.at(-1)!.to;
    for (const mark of [...records.map(({ from }) => from), last, { offset: 17, ordinal: 2 }]) {
      const expected = records.findIndex(({ to }) => compareAddress(to, mark) > 0);
      const found = await seek({ stream, partition: 0 }, marksAt(mark), signal);
      expect(found).toBe(expected === -1 ? records.length : expected);
    }
  });

  it('ends where the first of all sources goes on, as they are applied in one order', async () => {
    const source = 'job-7';
    const sources = [
      ...recordsOf({ position: 6 }),
      ...recordsOf({ position: 3, source }),
      ...recordsOf({ from: { offset: 6, ordinal: 0 }, position: 9 }),
      ...recordsOf({ from: { offset: 3, ordinal: 0 }, position: 5, source }),
    ];
    const stream = await streamWith(sources);
    for (const [live, job, expected] of [
      [4, 0, 4],
      [6, 1, 7],
      [8, 3, 11],
      [9, 4, 13],
      [9, 5, 14],
    ] as const) {
      const marks = marksAt({ offset: live, ordinal: 0 });
      const mark = { offset: job, ordinal: 0 };
      marks.set(source, { logId: TEST_LOG_ID, logNumber: 1, mark });
      expect(await seek({ stream, partition: 0 }, marks, signal)).toBe(expected);
    }
  });

  it('never jumps over what is not applied, wherever records of a closed source lie', async () => {
    const layouts = fc.record({
      sources: fc.array(fc.constantFrom(...SOURCES), { minLength: 1, maxLength: 24 }),
      applied: fc.nat(24),
      closed: fc.subarray(['job-8', 'job-9']),
    });
    await fc.assert(
      fc.asyncProperty(layouts, async ({ sources, applied, closed }) => {
        const counts = new Map<string, number>();
        const records = sources.map((source) => {
          const offset = counts.get(source) ?? 0;
          counts.set(source, offset + 1);
          return {
            source,
            ...recordsOf({ from: { offset, ordinal: 0 }, position: offset + 1, source })[0]!,
          };
        });
        const marks = marksAt(ADDRESS_ZERO);
        for (const { source, to } of records.slice(0, applied)) {
          const isClosed = closed.includes(source) ? ({ isClosed: true } as const) : {};
          marks.set(source, { logId: TEST_LOG_ID, logNumber: 1, mark: to, ...isClosed });
        }
        const isClosed = ({ source }: { source: string }): boolean =>
          marks.get(source)?.isClosed === true;
        const stream = await streamWith(records);
        const found = await seek({ stream, partition: 0 }, marks, signal);
        expect(records.slice(applied, found).every(isClosed)).toBe(true);
        expect(records.slice(found, applied).every(isClosed)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('jumps over no record of an open job, whatever was put out again behind it', async () => {
    const live = (from: number, position: number) =>
      recordsOf({ from: { offset: from, ordinal: 0 }, position });
    const job = (from: number, position: number) =>
      recordsOf({ from: { offset: from, ordinal: 0 }, position, source: 'job-7' });
    // The last record of the job is not applied; others did the same again, and nothing follows.
    const again = [job(0, 3), live(2, 5), job(1, 3), live(0, 5), job(2, 3)].flat();
    const layout = [...live(0, 5), ...job(0, 3), ...job(3, 5), ...again];
    const marks = marksAt({ offset: 5, ordinal: 0 });
    const mark = { offset: 3, ordinal: 0 };
    marks.set('job-7', { logId: TEST_LOG_ID, logNumber: 1, mark });
    const stream = await streamWith(layout);
    const first = layout.findIndex(({ to }, i) => i >= 5 && compareAddress(to, mark) > 0);
    expect(await seek({ stream, partition: 0 }, marks, signal)).toBeLessThanOrEqual(first);
    marks.set('job-7', { logId: TEST_LOG_ID, logNumber: 1, mark, isClosed: true });
    expect(await seek({ stream, partition: 0 }, marks, signal)).toBeGreaterThan(first);
  });

  it('goes by the next record of an open source when it hits one of a closed source', async () => {
    const live = (from: number, position: number) =>
      recordsOf({ from: { offset: from, ordinal: 0 }, position });
    const job = (from: number, position: number) =>
      recordsOf({ from: { offset: from, ordinal: 0 }, position, source: 'job-7' });
    const layout = [...live(0, 5), ...job(0, 1), ...live(5, 6), ...job(1, 4)];
    const marks = marksAt({ offset: 5, ordinal: 0 });
    const mark = { offset: 1, ordinal: 0 };
    marks.set('job-7', { logId: TEST_LOG_ID, logNumber: 1, mark, isClosed: true });
    const found = await seek({ stream: await streamWith(layout), partition: 0 }, marks, signal);
    expect(found).toBeLessThanOrEqual(6);
    expect(found).toBeGreaterThanOrEqual(5);
  });

  it('starts at the first record held, or of the log that the marks are of', async () => {
    const older = recordsOf({ position: 4, logId: 'cd'.repeat(16), logNumber: 0 });
    const stream = await streamWith([...older, ...recordsOf({ position: 10 })]);
    expect(await seek({ stream, partition: 0 }, new Map(), signal)).toBe(0);
    const marks = marksAt({ offset: 5, ordinal: 0 });
    expect(await seek({ stream, partition: 0 }, marks, signal)).toBe(9);
  });

  it('takes records of an older log for done, and those of a newer one for open', async () => {
    const old = recordsOf({ position: 5 });
    const young = recordsOf({ position: 5, logId: 'cd'.repeat(16), logNumber: 2 });
    const stream = await streamWith([...old, ...young]);
    const done = marksAt({ offset: 5, ordinal: 0 });
    expect(await seek({ stream, partition: 0 }, done, signal)).toBe(5);
    const mark = { logId: 'cd'.repeat(16), logNumber: 2, mark: { offset: 2, ordinal: 0 } };
    expect(await seek({ stream, partition: 0 }, new Map([['live', mark]]), signal)).toBe(7);
  });
});

describe('findCovering', () => {
  /** Segments of one sequence: each begins at or below what those before it reach. */
  const segments = fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 10 })), {
    minLength: 1,
    maxLength: 8,
  });

  it('finds a record that continues any mark, however often ranges occur again', async () => {
    await fc.assert(
      fc.asyncProperty(segments, fc.nat(40), async (parts, markOffset) => {
        let reached = 0;
        const records = parts.flatMap(([back, length]) => {
          const offset = Math.max(0, reached - back);
          reached = Math.max(reached, offset + length);
          return recordsOf({ from: { offset, ordinal: 0 }, position: offset + length });
        });
        const mark = { offset: Math.min(markOffset, reached - 1), ordinal: 1 };
        const stream = await streamWith(records);
        const found = records[(await find(stream, mark, never))!]!;
        expect(compareAddress(found.from, mark)).toBeLessThanOrEqual(0);
        expect(compareAddress(found.to, mark)).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
  });

  it('tells what is missing, and waits until it comes', async () => {
    const behind = recordsOf({ from: { offset: 9, ordinal: 0 }, position: 12 });
    const stream = await streamWith([...recordsOf({ position: 4 }), ...behind]);
    const told: Missing[] = [];
    const finding = find(stream, { offset: 4, ordinal: 0 }, (missing) => {
      told.push(missing);
      const [again] = recordsOf({ from: { offset: 3, ordinal: 0 }, position: 9, offsetsMax: 9 });
      void stream.producer().append(TOPIC_SERIES, 0, again!.payload);
      return true;
    });
    expect(await finding).toBe(7);
    expect(told).toEqual([{ to: { offset: 9, ordinal: 0 }, isForgotten: false }]);
  });
});
