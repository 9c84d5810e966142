import { systemClock } from '@millrace/runtime';
import { createMemoryStore } from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { MemoryLog } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordsOf } from './testing/entry-sequence.ts';
import {
  at,
  expectedSamples,
  expectMark,
  expectWhole,
  markOf,
  samplesOf,
  setMark,
  statusOf,
  until,
} from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());
const reaches = (position: number, partition = 0): Promise<void> =>
  expectMark(bench.database, position, partition);

describe('entries that are missing', () => {
  it('stop their partition with the reason, and the others go on', async () => {
    await bench.stop();
    bench = new WriterBench({ partitions: 2 });
    await bench.append(recordsOf({ position: 3 }), 0);
    await bench.append(recordsOf({ from: at(5), position: 9 }), 0);
    await bench.append(recordsOf({ position: 4 }), 1);
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).state).toBe('stopped'));
    const { reason } = statusOf(writer);
    expect(reason?.code).toBe('WRITER_GAP');
    expect(reason?.message).toContain('does not hold the entries 3.0 up to 5.0');
    expect(reason?.message).toContain('nothing was skipped');
    expect(reason?.remedy).toContain('put them out again');
    expect(writer.status().ready).toBe(false);
    expect(markOf(bench.database)).toEqual(at(3));
    await bench.append(recordsOf({ from: at(4), position: 8 }), 1);
    await reaches(8, 1);
    expect(statusOf(writer, 1).state).toBe('running');
  });

  it('of a job stop nothing but that job', async () => {
    const source = 'job-7';
    await bench.append(recordsOf({ position: 3 }));
    await bench.append(recordsOf({ position: 2, source }));
    await bench.append(recordsOf({ from: at(4), position: 6, source }));
    await bench.append(recordsOf({ from: at(3), position: 8 }));
    const { writer } = bench.start();
    await reaches(8);
    await until(() => expect(statusOf(writer)).toMatchObject({ state: 'running', position: 12 }));
    const markOfJob = () => bench.database.marks.find((mark) => mark.source === source)?.mark;
    expect(markOfJob()).toEqual(at(2));
    // What is put out again is taken by whoever looks anew.
    await bench.append(recordsOf({ from: at(1), position: 6, source }));
    await writer.stop();
    bench.start();
    await until(() => expect(markOfJob()).toEqual(at(6)));
    expect(samplesOf(bench.database)).toHaveLength(3 * (8 + 6));
  });

  it('are taken as soon as they are put out again', async () => {
    await bench.append(recordsOf({ position: 3 }));
    await bench.append(recordsOf({ from: at(5), position: 9 }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_GAP'));
    await bench.append(recordsOf({ from: at(1), position: 9 }));
    await reaches(9);
    expectWhole(bench.database, 9);
    await until(() => expect(statusOf(writer).state).toBe('running'));
    expect(statusOf(writer).reason).toBeUndefined();
  });

  it('are found where they lie, when a segment was put out again in part', async () => {
    // An owner that went back and died: the binary search ends behind what it should find.
    await bench.append(recordsOf({ position: 50 }));
    await bench.append(recordsOf({ from: at(20), position: 30 }));
    await bench.append(recordsOf({ from: at(50), position: 52 }));
    setMark(bench.database, at(40));
    bench.start();
    await reaches(52);
    expect(samplesOf(bench.database)).toEqual(expectedSamples(40, 52));
  });

  it('are called expired when the log forgot them', async () => {
    await bench.stop();
    const settings = { segmentBytes: 2_000, retentionMs: 0 };
    bench = new WriterBench({
      log: new MemoryLog({ partitions: 1, clock: systemClock, settings }),
    });
    await bench.append(recordsOf({ position: 60 }));
    await bench.stream.release(TOPIC_SERIES, 0, 40);
    const { start } = await bench.stream.bounds(TOPIC_SERIES, 0);
    expect(start).toBeGreaterThan(0);
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).state).toBe('stopped'));
    const { reason } = statusOf(writer);
    expect(reason?.code).toBe('WRITER_EXPIRED');
    expect(reason?.message).toContain(`no longer holds the entries 0.0 up to ${start}.0`);
    expect(samplesOf(bench.database)).toEqual([]);
  });

  it('of a log that the store does not know are the store to refuse', async () => {
    setMark(bench.database, at(3));
    const other = { logId: 'cd'.repeat(16), logNumber: 2 };
    await bench.append(recordsOf({ from: at(2), position: 5, ...other }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).reason?.code).toBe('STORE_OTHER_LOG'));
    expect(statusOf(writer).state).toBe('stopped');
  });
});

describe('a log and a store that do not fit', () => {
  it('stop on another log, and skip nothing of it', async () => {
    await bench.append(recordsOf({ position: 3 }));
    await bench.append(recordsOf({ position: 9, logId: 'cd'.repeat(16), logNumber: 2 }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).reason?.code).toBe('STORE_OTHER_LOG'));
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 3));
    expect(markOf(bench.database)).toEqual(at(3));
  });

  it('go on with another log once a person has accepted it', async () => {
    const other = { logId: 'cd'.repeat(16), logNumber: 2 };
    await bench.append(recordsOf({ position: 3 }));
    await bench.append(recordsOf({ position: 5, ...other }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).reason?.code).toBe('STORE_OTHER_LOG'));
    await writer.stop();
    await createMemoryStore(bench.database).acceptLog({ ...other, partition: 0, source: 'live' });
    const { writer: next } = bench.start();
    await until(() => expect(statusOf(next)).toMatchObject({ state: 'running', position: 8 }));
    expect(samplesOf(bench.database)).toEqual([...expectedSamples(0, 3), ...expectedSamples(0, 5)]);
  });

  it('stop when the store is ahead of the log', async () => {
    setMark(bench.database, at(100));
    await bench.append(recordsOf({ position: 3 }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_AHEAD'));
    expect(samplesOf(bench.database)).toEqual([]);
  });

  it('stop when the log loses its end under a running writer and is folded on', async () => {
    // These came later than all that was counted: they are others than those that were folded.
    const receivedAtUs = systemClock.nowUs();
    const tick = encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs });
    const producer = bench.stream.producer();
    for (let i = 0; i < 9; i += 1) await producer.append(TOPIC_EVENTS, 0, tick);
    await bench.append(recordsOf({ position: 6 }));
    const { writer } = bench.start();
    await reaches(6);
    await bench.append(recordsOf({ from: at(3), position: 8 }));
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_AHEAD'));
    expect(statusOf(writer).state).toBe('stopped');
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 6));
    expect(markOf(bench.database)).toEqual(at(6));
  });

  it.each([
    ['record by record', 1],
    ['in one record that goes beyond it', 5],
  ])('stop when that takes what was stored a moment ago, %s', async (_how, offsetsMax) => {
    // By their times they are none: they came before all that was counted.
    const digestOf = (offset: number): string => String(offset).padStart(32, '0');
    await bench.append(recordsOf({ position: 6, digestOf }));
    const { writer } = bench.start();
    await reaches(6);
    await bench.append(recordsOf({ from: at(3), position: 8, offsetsMax, digestOf }));
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_AHEAD'));
    expect(statusOf(writer).reason?.message).toContain('Offset 5 of metrics.events/0 is not');
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 6));
    expect(markOf(bench.database)).toEqual(at(6));
  });

  it('stop when that is what continues behind a gap', async () => {
    const digestOf = (offset: number): string => String(offset).padStart(32, '0');
    await bench.append(recordsOf({ position: 6, digestOf }));
    const { writer } = bench.start();
    await reaches(6);
    await bench.append(recordsOf({ from: at(7), position: 8, digestOf }));
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_GAP'));
    await bench.append(recordsOf({ from: at(5), position: 9, offsetsMax: 5, digestOf }));
    await until(() => expect(statusOf(writer).reason?.code).toBe('WRITER_AHEAD'));
    expect(samplesOf(bench.database)).toEqual(expectedSamples(0, 6));
    expect(markOf(bench.database)).toEqual(at(6));
  });

  it('stop at a record that cannot be read, telling which', async () => {
    await bench.append(recordsOf({ position: 3 }));
    await bench.append([{ from: at(3), to: at(4), payload: new Uint8Array([1, 2, 3]) }]);
    await bench.append(recordsOf({ from: at(4), position: 6 }));
    const { writer } = bench.start();
    await until(() => expect(statusOf(writer).state).toBe('stopped'));
    expect(statusOf(writer).reason?.code).toBe('WIRE_CORRUPT');
    expect(statusOf(writer).reason?.message).toContain('metrics.series/0, offset 3:');
    expect(markOf(bench.database)).toEqual(at(3));
  });
});
