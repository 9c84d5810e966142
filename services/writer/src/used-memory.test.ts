import { setImmediate } from 'node:timers/promises';
import { ADDRESS_ZERO, type Piece } from '@millrace/model';
import { systemClock } from '@millrace/runtime';
import type { Store } from '@millrace/store';
import { createMemoryStore } from '@millrace/store/memory';
import { openMemoryStream } from '@millrace/stream/memory';
import { EntryType, SeriesRecordBuilder } from '@millrace/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Cursors } from './cursors.ts';
import { ReadAhead } from './read-ahead.ts';
import { SampleRooms } from './sample-room.ts';
import { writerSettings } from './settings.ts';
import { recordsOf, SERIES, TEST_LOG_ID } from './testing/entry-sequence.ts';
import { expectedSamples, expectMark, samplesOf } from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

const PARTITIONS = [0, 1, 2, 3];
const HEAD = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: 1 };

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench({ partitions: PARTITIONS.length });
});
afterEach(() => bench.stop());

it('samples stay what they are for as long as the store is busy with them', async () => {
  const inner = createMemoryStore(bench.database);
  // Some answers take long: meanwhile others collect what lies elsewhere in the sequence.
  let asked = 0;
  const apply: Store['apply'] = async (batch) => {
    asked += 1;
    for (let i = 0; i < (asked % 3 === 0 ? 100 : 5); i += 1) await setImmediate();
    return inner.apply(batch);
  };
  for (const partition of PARTITIONS) await bench.append(recordsOf({ position: 60 }), partition);
  const bounds = { batchEntriesMax: 50, partitions: PARTITIONS };
  bench.start({ store: { ...inner, apply } }, bounds);
  for (const partition of PARTITIONS) await expectMark(bench.database, 60, partition);
  const expected = expectedSamples(0, 60).flatMap((sample) => PARTITIONS.map(() => sample));
  expect(samplesOf(bench.database).toSorted()).toEqual(expected.toSorted());
});

it.each([
  ['open', EntryType.open, 'open'],
  ['final', EntryType.final, 'finals'],
] as const)(
  '%s pieces stay what they are while further records are read',
  async (_, type, list) => {
    await bench.append(sketches(5, type));
    const ahead = readAhead();
    const found: number[] = [];
    const numbers: number[] = [];
    for (let records = 0; records < 5;) {
      const fetched = await ahead.take(new AbortController().signal);
      if (!('batch' in fetched)) throw new Error('there is a gap');
      for (const { inputs, startUs } of fetched.batch.pieces[list].pieces()) {
        numbers.push(startUs / 60e6 + 1);
        if (inputs !== undefined) found.push(inputs[0]!, inputs.at(-1)!);
      }
      records += fetched.batch.records;
    }
    await ahead.close();
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
    // Of every other one there are numbers alone: the bytes of its record are used again.
    expect(found).toEqual([1, 1, 3, 3, 5, 5]);
  },
);

it('series stay what they are while further records are read', async () => {
  await bench.append(definitions(5));
  const ahead = readAhead();
  const found: number[] = [];
  for (let records = 0; records < 5;) {
    const fetched = await ahead.take(new AbortController().signal);
    if (!('batch' in fetched)) throw new Error('there is a gap');
    // All that lies in the log may have been read by now, and the last record stays as it is.
    records += fetched.batch.records;
    await setImmediate();
    for (const chunk of fetched.batch.chunks) {
      for (const { fingerprint } of chunk.definitions)
        found.push(fingerprint[0]!, fingerprint[15]!);
    }
  }
  await ahead.close();
  expect(found).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
});

function readAhead(): ReadAhead {
  const mark = { logId: TEST_LOG_ID, logNumber: 1, mark: ADDRESS_ZERO };
  const none = async (): Promise<() => void> => await Promise.resolve(() => undefined);
  return new ReadAhead({
    ...{ stream: openMemoryStream(bench.log), clock: systemClock, partition: 0, position: 0 },
    cursors: new Cursors(0, new Map([['live', mark]])),
    settings: writerSettings({ readWaitMs: 20 }),
    ...{ rooms: new SampleRooms(1000), collectingTurn: none, turn: none },
  });
}

/** Records of one series each; the bytes of its fingerprint are the record's number, from 1. */
function definitions(count: number) {
  const builder = new SeriesRecordBuilder(HEAD, ADDRESS_ZERO, 1e6);
  for (let offset = 0; offset < count; offset += 1) {
    builder.begin(offset);
    builder.entry(EntryType.definition, {
      fingerprint: new Uint8Array(16).fill(offset + 1),
      ...{ tenant: 'test', labels: [['__name__', 'a']], kind: 0, seenUs: 0 },
    });
    builder.flush(offset + 1);
  }
  return builder.sealed;
}

/** Records of one piece each; the bytes of its sketch, if any, are the record's number, from 1. */
function sketches(count: number, type: typeof EntryType.open | typeof EntryType.final) {
  const builder = new SeriesRecordBuilder(HEAD, ADDRESS_ZERO, 1e6);
  for (let offset = 0; offset < count; offset += 1) {
    builder.begin(offset);
    const piece: Piece = {
      ...{ edition: 1, fingerprint: SERIES[0]!, widthUs: 60e6, startUs: 60e6 * offset },
      ...{ piece: offset, count: 1, sum: 1, marked: false },
      inputs: offset % 2 === 0 ? new Uint8Array(32).fill(offset + 1) : undefined,
    };
    builder.entry(type, piece);
    builder.flush(offset + 1);
  }
  return builder.sealed;
}
