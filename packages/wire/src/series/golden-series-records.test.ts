import { SampleFlag, type LedgerTotals } from '@millrace/model';
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { SeriesRecordBuilder } from './series-record-builder.ts';
import {
  decodeSeriesRecord,
  decodeSeriesRecordColumns,
  decodeSeriesRecordHeader,
  listEntries,
} from './series-record-codec.ts';
import { EntryType } from './series-record.ts';
import { expectGolden } from '../testing/expect-golden.ts';
import { seriesRecordV1 } from '../testing/series-record-v1.ts';

const T0 = 1_700_000_000_000_000;

function goldenSeries(): SeriesRecordBuilder {
  const builder = new SeriesRecordBuilder(
    {
      logId: '00112233445566778899aabbccddeeff',
      logNumber: 1,
      source: 'live',
      foldVersion: 1,
    },
    { offset: 10, ordinal: 0 },
    1_000_000,
  );
  const fingerprint = Uint8Array.from({ length: 16 }, (_, i) => i);
  const lanes = new Uint32Array(fingerprint.buffer);
  builder.begin(10);
  builder.entry(EntryType.definition, {
    fingerprint,
    tenant: 'default',
    labels: [['__name__', 'up']],
    kind: 0,
    seenUs: T0,
  });
  builder.sample(lanes, 0, T0, 1, 0);
  builder.sample(lanes, 0, T0 + 1, NaN, 1);
  builder.begin(12);
  const piece = {
    edition: 1,
    fingerprint,
    widthUs: 300_000_000,
    startUs: T0,
    piece: 10,
    count: 2,
    sum: 3,
    min: 1,
    max: 2,
    first: 1,
    firstTimeUs: T0,
    last: 2,
    lastTimeUs: T0 + 1,
    increase: 0,
    histogram: Uint8Array.of(1),
    distinct: undefined,
    inputs: undefined,
    marked: false,
  };
  builder.entry(EntryType.open, piece);
  builder.entry(EntryType.final, { ...piece, marked: true });
  builder.entry(EntryType.ledger, {
    totals: [
      {
        tenant: 'default',
        accepted: 4,
        stored: 2,
        duplicate: 1,
        conflict: 1,
        dropped: 0,
        unverified: 0,
        deadLetter: 0,
      },
    ],
    partitionTimeUs: T0,
    watermarkUs: T0 - 60_000_000,
    position: 12,
  });
  builder.sample(lanes, 0, T0 + 2, 5, 32);
  builder.flush(13);
  return builder;
}

describe('records of metrics.series', () => {
  it('keep their bytes and read back', () => {
    const [sealed] = goldenSeries().sealed;
    const bytes = expectGolden('series-v2', sealed!.payload);
    const record = decodeSeriesRecord(bytes);
    expect(record.from).toEqual({ offset: 10, ordinal: 0 });
    expect(record.to).toEqual({ offset: 13, ordinal: 0 });
    expect(record.entries.samples.count).toBe(3);
    expect(record.entries.finals[0]?.marked).toBe(true);
    expect(record.entries.ledger[0]?.totals[0]?.accepted).toBe(4);
  });

  it('of the first version tell the same as those of now', () => {
    const { payload } = goldenSeries().sealed[0]!;
    const first = expectGolden('series-v1', seriesRecordV1(payload));
    expect(listEntries(first)).toEqual(listEntries(payload));
    const mark = { offset: 11, ordinal: 1 };
    const { entries } = decodeSeriesRecord(first, mark);
    expect(entries).toEqual(decodeSeriesRecord(payload, mark).entries);
  });

  it('tell the last event behind their entries where its digest is at hand', () => {
    const head = { logId: '00'.repeat(16), logNumber: 1, source: 'live', foldVersion: 1 };
    const builder = new SeriesRecordBuilder(head, { offset: 3, ordinal: 0 }, 200);
    builder.digestOf = (offset) => (offset === 5 ? undefined : `0${offset}`.repeat(16));
    for (const offset of [4, 5, 6]) {
      builder.begin(offset);
      for (let i = 0; i < 5; i += 1) builder.sample(new Uint32Array(2), 0, T0, i, 0);
    }
    builder.flush(8);
    const found = builder.sealed.map(({ payload }) => {
      const header = decodeSeriesRecordHeader(payload);
      expect(decodeSeriesRecordColumns(payload).folded).toEqual(header.folded);
      return [header.to.offset, header.to.ordinal, header.folded];
    });
    // Within what the event at 5 puts out nobody has its digest.
    expect(found).toEqual([
      [5, 1, undefined],
      [6, 2, { offset: 6, digest: '06'.repeat(16) }],
      [8, 0, { offset: 7, digest: '07'.repeat(16) }],
    ]);
    const { payload } = builder.sealed.at(-1)!;
    const bytes = expectGolden('series-v2-digest', payload);
    // Programs of before pass over what they do not know.
    expect(listEntries(seriesRecordV1(bytes))).toEqual(listEntries(bytes));
    const fields = decode(payload) as unknown[];
    fields[16] = new Uint8Array(15);
    expect(() => decodeSeriesRecordHeader(encode(fields))).toThrow(/digest has not 16 bytes/);
  });

  it('hold a time once where many in a row have it, and flags where there are any', () => {
    const head = { logId: '00'.repeat(16), logNumber: 1, source: 'live', foldVersion: 1 };
    const samples = 300;
    const lanes = Uint32Array.from({ length: 4 * samples }, (_, i) => i);
    const seal = (timeOf: (i: number) => number, flags: number): Uint8Array => {
      const builder = new SeriesRecordBuilder(head, { offset: 1, ordinal: 0 }, 1_000_000);
      builder.begin(1);
      const times = Float64Array.from({ length: samples }, (_, i) => timeOf(i));
      const values = Float64Array.from({ length: samples }, (_, i) => (i === 7 ? NaN : i / 3));
      builder.samples(lanes, { times, values }, 0, samples);
      builder.sample(lanes, 0, T0 + 5, 1, flags);
      builder.flush(2);
      return builder.sealed[0]!.payload;
    };
    const scraped = seal((i) => T0 + Math.floor(i / 100), 0);
    const flagged = seal((i) => T0 + Math.floor(i / 100), SampleFlag.stale);
    const scattered = seal((i) => T0 + i, 0);
    const sizes = [scraped, flagged, scattered].map(({ length }) => length / (samples + 1));
    expect(sizes.map(Math.floor)).toEqual([16, 17, 24]);
    for (const bytes of [scraped, flagged, scattered]) {
      const { samples: read } = decodeSeriesRecord(bytes).entries;
      expect(read.count).toBe(samples + 1);
      expect(read.flags[samples]).toBe(bytes === flagged ? SampleFlag.stale : 0);
      expect(read.times[150]).toBe(bytes === scattered ? T0 + 150 : T0 + 1);
      expect([read.values[6], read.values[7], read.values[299]]).toEqual([2, NaN, 299 / 3]);
      expect(listEntries(seriesRecordV1(bytes))).toEqual(listEntries(bytes));
    }
  });

  it('are refused when their times do not fit their samples', () => {
    const fields = decode(goldenSeries().sealed[0]!.payload) as unknown[];
    for (const counts of [[1], [1, 0xffff_ffff], [4]]) {
      fields[15] = new Uint8Array(Uint32Array.from(counts).buffer);
      expect(() => decodeSeriesRecord(encode(fields))).toThrow(/times do not fit/);
    }
  });

  it('of fold version 2 tell what was lost and who dropped what', () => {
    const logId = '00112233445566778899aabbccddeeff';
    const head = { logId, logNumber: 1, source: 'live', foldVersion: 1 };
    const builder = new SeriesRecordBuilder(head, { offset: 10, ordinal: 0 }, 1_000_000);
    builder.begin(10);
    builder.changeFoldVersion(2);
    const counts = { accepted: 9, stored: 2, duplicate: 1, conflict: 0, dropped: 3, unverified: 0 };
    const droppedBy: LedgerTotals['droppedBy'] = [
      ['debug', 1],
      ['noise', 2],
    ];
    const totals = [{ tenant: 'default', ...counts, deadLetter: 0, lost: 3, droppedBy }];
    const times = { partitionTimeUs: T0, watermarkUs: T0 - 60_000_000 };
    builder.entry(EntryType.ledger, { totals, ...times, position: 10 });
    // What is put out must not change when its source does.
    droppedBy[0]![1] = 100;
    builder.flush(11);
    const { payload } = builder.sealed[0]!;
    expectGolden('series-v1-ledger-reasons', seriesRecordV1(payload));
    const bytes = expectGolden('series-v2-ledger-reasons', payload);
    const record = decodeSeriesRecord(bytes);
    expect(record.foldVersion).toBe(2);
    droppedBy[0]![1] = 1;
    expect(record.entries.ledger[0]!.totals).toEqual(totals);
  });

  it('hold entries of one fold version each', () => {
    const logId = '00112233445566778899aabbccddeeff';
    const head = { logId, logNumber: 1, source: 'live', foldVersion: 1 };
    const builder = new SeriesRecordBuilder(head, { offset: 3, ordinal: 0 }, 1_000_000);
    const end = { edition: 3, position: 12, untilUs: T0 };
    builder.begin(4);
    builder.entry(EntryType.editionEnd, end);
    builder.changeFoldVersion(1);
    builder.changeFoldVersion(2);
    builder.entry(EntryType.editionEnd, end);
    builder.flush(6);
    const records = builder.sealed.map(({ payload }) => decodeSeriesRecord(payload));
    expect(records.map(({ foldVersion, from, to }) => [foldVersion, from, to])).toEqual([
      [1, { offset: 3, ordinal: 0 }, { offset: 4, ordinal: 1 }],
      [2, { offset: 4, ordinal: 1 }, { offset: 6, ordinal: 0 }],
    ]);
  });

  it('can be read from any address inside', () => {
    const { payload } = goldenSeries().sealed[0]!;
    const all = listEntries(payload);
    for (const [n, { address }] of all.entries()) {
      const { entries } = decodeSeriesRecord(payload, address);
      const left = Object.values(entries).reduce(
        (sum, list) => sum + ('count' in list ? list.count : list.length),
        0,
      );
      expect(left).toBe(all.length - n);
    }
    expect(decodeSeriesRecord(payload, { offset: 13, ordinal: 0 }).entries.samples.count).toBe(0);
  });
});
