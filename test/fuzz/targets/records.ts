import assert from 'node:assert/strict';
import { METRIC_NAME_LABEL, SampleKind } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import { dataRecord, type TestPart } from '@millrace/transformer/testing';
import {
  CheckpointRecordKind,
  ColumnRoom,
  ControlRecordKind,
  decodeCheckpointRecord,
  decodeControlRecord,
  decodeEventsRecord,
  decodeHistogram,
  decodeSeriesRecord,
  decodeSeriesRecordColumns,
  decodeSeriesRecordHeader,
  DEFAULT_FOLD_SETTINGS,
  DefinitionReader,
  encodeCheckpointRecord,
  encodeControlRecord,
  encodeDefinitions,
  encodeEventsRecord,
  encodeHistogram,
  EventsRecordKind,
  listEntries,
  type CheckpointRecord,
  type ControlRecord,
  type EventsRecord,
  type SeriesRecord,
} from '@millrace/wire';
import { arbitraryHistogram, encodeDataRecordV1, seriesRecordV1 } from '@millrace/wire/testing';
import * as fc from 'fast-check';
import type { FuzzTarget, Outcome, SoundInput } from '../fuzz-target.ts';
import { goldenRecords } from '../kept-inputs.ts';
import { rebuildSeriesRecord } from './rebuild-series-record.ts';
import { recordedLogs } from './recorded-logs.ts';
import { warpMsgpack } from '../warp-msgpack.ts';

const isRefusal = (error: unknown): boolean =>
  error instanceof MillraceError &&
  (error.code === 'WIRE_CORRUPT' || error.code === 'WIRE_VERSION');
const MEMORY = { perByte: 200, fixedBytes: 4 * 1024 ** 2 };

const text = fc.string({ maxLength: 8 });
const timeUs = fc.integer({ min: 0, max: 2_000_000_000_000_000 });
const value = fc.oneof(fc.double(), fc.nat());
const sample = fc.record(
  {
    labels: fc
      .dictionary(text, text, { maxKeys: 3, noNullPrototype: true })
      .map((labels) => ({ ...labels, [METRIC_NAME_LABEL]: 'm' })),
    timeUs,
    value,
    kind: fc.constantFrom(...Object.values(SampleKind)),
    stale: fc.boolean(),
    id: text,
    startUs: timeUs,
    histogram: arbitraryHistogram.map(encodeHistogram),
  },
  { requiredKeys: ['labels', 'timeUs', 'value'], noNullPrototype: true },
);
/** Objects as the readers make them: with the usual prototype. */
const plainRecord = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;

const part: fc.Arbitrary<TestPart> = plainRecord({
  samples: fc.array(sample, { maxLength: 6 }),
  receivedAtUs: timeUs,
  sequence: fc.nat(),
  cumulativeSamples: fc.nat(),
});
const sentEvents: fc.Arbitrary<EventsRecord> = fc.oneof(
  plainRecord({
    part,
    metadata: fc.array(plainRecord({ metric: text, type: text, help: text, unit: text }), {
      maxLength: 2,
    }),
  }).map(({ part: one, metadata }) => ({ ...dataRecord(one), metadata })),
  plainRecord({ kind: fc.constant(EventsRecordKind.tick), receivedAtUs: timeUs }),
);

/** As programs of before wrote it. */
function soundFirstVersion(record: EventsRecord): SoundInput {
  if (record.kind !== EventsRecordKind.data) return soundEvents(record);
  const { check } = soundEvents(record);
  return { bytes: Uint8Array.from(encodeDataRecordV1(record)), check };
}

/** The same record with some of its series left undefined. */
function leftUndefined(record: EventsRecord, kept: readonly boolean[]): EventsRecord {
  if (record.kind !== EventsRecordKind.data) return record;
  const reader = new DefinitionReader(record.definitions);
  const rows = record.definitions.rows.filter((row) => kept[row % kept.length]);
  const labels = Array.from(rows, (row) => reader.definedLabels(row));
  return { ...record, definitions: encodeDefinitions(labels, rows) };
}

function soundEvents(record: EventsRecord): SoundInput {
  return {
    bytes: Uint8Array.from(encodeEventsRecord(record)),
    check: (read) => assert.deepStrictEqual((read as ReadEvents).record, record),
  };
}

/** One for all inputs, as a partition's owner has one for all records. */
const USED_ROOM = new ColumnRoom();

function readEventsInRoom(bytes: Uint8Array, room: ColumnRoom): EventsRecord | string {
  // As a record of a fetch lies: anywhere between others.
  const fetched = new Uint8Array(bytes.length + 3);
  fetched.set(bytes, 3);
  try {
    return decodeEventsRecord(fetched.subarray(3), room);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return String(error);
  }
}

function eventsOf(outcome: Outcome): EventsRecord | string {
  return 'refusal' in outcome ? String(outcome.refusal) : (outcome.value as ReadEvents).record;
}

interface ReadEvents {
  record: EventsRecord;
  labels: unknown[];
}

export const eventsRecord: FuzzTarget = {
  name: 'events-record',
  read: (bytes): ReadEvents => {
    const record = decodeEventsRecord(bytes);
    if (record.kind !== EventsRecordKind.data) return { record, labels: [] };
    const definitions = new DefinitionReader(record.definitions);
    return { record, labels: Array.from(record.kinds, (_, i) => definitions.labels(i)) };
  },
  isRefusal,
  sound: fc.oneof(
    sentEvents.map(soundEvents),
    sentEvents.map(soundFirstVersion),
    fc
      .tuple(sentEvents, fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }))
      .map(([record, kept]) => soundEvents(leftUndefined(record, kept))),
    fc.tuple(fc.nat(), fc.boolean()).map(([n, isOld]) => {
      const records = recordedLogs().flatMap(({ events }) => events);
      const { record } = records[n % records.length]!;
      return isOld ? soundFirstVersion(record) : soundEvents(record);
    }),
    fc
      .constantFrom(...goldenRecords('events-'))
      .map((bytes) => ({ bytes, check: () => undefined })),
  ),
  agree: (bytes, outcome) => {
    // One that is full of the record before, and one that grows while it is filled.
    for (const room of [USED_ROOM, new ColumnRoom(16)]) {
      assert.deepStrictEqual(readEventsInRoom(bytes, room), eventsOf(outcome));
    }
    if ('refusal' in outcome) return;
    const { record } = outcome.value as ReadEvents;
    // What was accepted can be written, and reads the same again.
    assert.deepStrictEqual(decodeEventsRecord(encodeEventsRecord(record)), record);
  },
  warp: warpMsgpack,
  memory: MEMORY,
  runs: 1000,
};

interface ReadSeries {
  record: SeriesRecord;
  entries: ReturnType<typeof listEntries>;
}

/** An array of 15 fields; the second version has 16. */
const FIRST_SERIES_RECORD_HEAD = 0x9f;

export const seriesRecord: FuzzTarget = {
  name: 'series-record',
  read: (bytes): ReadSeries => {
    const header = decodeSeriesRecordHeader(bytes);
    const inside = { offset: header.from.offset + 1, ordinal: 1 };
    for (const from of [undefined, inside]) {
      const record = decodeSeriesRecord(bytes, from);
      assert.deepStrictEqual(withoutColumns(decodeSeriesRecordColumns(bytes, from)), record);
    }
    return { record: decodeSeriesRecord(bytes), entries: listEntries(bytes) };
  },
  isRefusal,
  sound: fc
    .oneof(
      fc.nat().map((n) => {
        const payloads = recordedLogs().flatMap(({ series }) => series);
        return payloads[n % payloads.length]!;
      }),
      fc.constantFrom(...goldenRecords('series-')),
    )
    .map((bytes) => ({
      bytes: Uint8Array.from(bytes),
      check: (read) => {
        const { record, entries } = read as ReadSeries;
        const isFirst = bytes[0] === FIRST_SERIES_RECORD_HEAD;
        const latest = rebuildSeriesRecord(record, entries);
        const rebuilt = isFirst ? seriesRecordV1(latest) : latest;
        if (record.to.ordinal === 0) assert.deepEqual(Buffer.from(rebuilt), Buffer.from(bytes));
        else assert.deepStrictEqual(listEntries(rebuilt), entries);
      },
    })),
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    const { record, entries } = outcome.value as ReadSeries;
    const { samples, openColumns, finalColumns, ...lists } = record.entries;
    assert.equal(openColumns ?? finalColumns, undefined);
    const count = Object.values(lists).reduce((sum, list) => sum + list.length, samples.count);
    assert.equal(entries.length, count, 'its runs do not tell of all entries');
    // What was accepted can be written again.
    if (entries.length === 0) return;
    assert.deepStrictEqual(listEntries(rebuildSeriesRecord(record, entries)), entries);
  },
  warp: warpMsgpack,
  memory: MEMORY,
  runs: 1000,
};

/** What was decoded into columns, as it is without them. */
function withoutColumns({ entries, ...record }: SeriesRecord): SeriesRecord {
  const { openColumns, finalColumns, open, finals, ...rest } = entries;
  const pieces = {
    open: [...open, ...(openColumns?.pieces() ?? [])],
    finals: [...finals, ...(finalColumns?.pieces() ?? [])],
  };
  return { ...record, entries: { ...rest, ...pieces } };
}

const controlRecords: fc.Arbitrary<ControlRecord> = fc.oneof(
  plainRecord({
    kind: fc.constant(ControlRecordKind.log),
    logId: fc.constant('00112233445566778899aabbccddeeff'),
    partitions: fc.nat({ max: 100 }),
    firstNumber: fc.maxSafeNat(),
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.edition),
    rule: plainRecord({ name: text, widthsUs: fc.array(fc.nat(), { maxLength: 3 }) }),
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.rules),
    after: fc.maxSafeNat(),
    editions: fc.array(fc.maxSafeNat(), { maxLength: 5 }),
    foldVersion: fc.nat(),
    settings: fc.constant(DEFAULT_FOLD_SETTINGS),
    source: text,
    appliedAtUs: timeUs,
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.rules),
    after: fc.maxSafeNat(),
    editions: fc.array(fc.maxSafeNat(), { maxLength: 5 }),
    foldVersion: fc.nat(),
    settings: fc.constant(DEFAULT_FOLD_SETTINGS),
    source: text,
    appliedAtUs: timeUs,
    candidates: fc.array(
      plainRecord({
        number: fc.maxSafeNat(),
        editions: fc.array(fc.maxSafeNat(), { maxLength: 5 }),
        source: text,
        sinceUs: fc.oneof(timeUs, fc.constant(Infinity)),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.jobs),
    candidate: fc.maxSafeNat(),
    isPaused: fc.boolean(),
    samplesPerSecondMax: fc.maxSafeNat(),
    changedAtUs: timeUs,
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.archive),
    archiveId: fc.constantFrom(undefined, '00112233445566778899aabbccddeeff'),
    where: text,
    changedAtUs: timeUs,
  }),
  plainRecord({
    kind: fc.constant(ControlRecordKind.acknowledgement),
    losses: fc.array(
      plainRecord({
        partition: fc.nat({ max: 100 }),
        logId: fc.constant('00112233445566778899aabbccddeeff'),
        samples: fc.maxSafeNat(),
      }),
      { maxLength: 5 },
    ),
    note: text,
    acknowledgedAtUs: timeUs,
  }),
);

export const controlRecord: FuzzTarget = {
  ...recordTarget<ControlRecord>({
    ...{ decode: decodeControlRecord, encode: encodeControlRecord },
    ...{ records: controlRecords, golden: 'control-' },
  }),
  name: 'control-record',
  runs: 1600,
};

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((digits) => Buffer.from(digits).toString('hex'));
const count = fc.maxSafeNat();
const checkpointRecords: fc.Arbitrary<CheckpointRecord> = fc.oneof(
  plainRecord({
    kind: fc.constant(CheckpointRecordKind.chunk),
    checkpointId: hex(16),
    index: count,
    pieces: fc.array(
      plainRecord({
        key: text,
        at: count,
        pageBytes: count,
        bytes: fc.uint8Array({ maxLength: 60 }),
      }),
      { maxLength: 4 },
    ),
  }),
  plainRecord({
    kind: fc.constant(CheckpointRecordKind.manifest),
    checkpointId: hex(16),
    logId: hex(16),
    logNumber: count,
    position: count,
    lastDigest: hex(16),
    partitionTimeUs: timeUs,
    stateVersion: count,
    foldVersion: count,
    pageCount: count,
    chunkCount: count,
    pagesBytes: count,
    pagesDigest: hex(32),
    madeAtUs: timeUs,
    firstChunkOffset: fc.integer({ min: -1, max: 1000 }),
  }),
);

export const checkpointRecord: FuzzTarget = {
  ...recordTarget<CheckpointRecord>({
    ...{ decode: decodeCheckpointRecord, encode: encodeCheckpointRecord },
    ...{ records: checkpointRecords, golden: 'checkpoints-' },
  }),
  name: 'checkpoint-record',
  runs: 1000,
};

export const histogram: FuzzTarget = {
  name: 'histogram',
  read: decodeHistogram,
  isRefusal,
  sound: arbitraryHistogram.map((one) => ({
    bytes: Uint8Array.from(encodeHistogram(one)),
    check: (read) => assert.deepStrictEqual(read, one),
  })),
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    const one = outcome.value as ReturnType<typeof decodeHistogram>;
    assert.deepStrictEqual(decodeHistogram(encodeHistogram(one)), one);
  },
  memory: MEMORY,
  runs: 1600,
};

/** Of records that are the same when they were written and read, and for good. */
function recordTarget<T>(
  params: Readonly<{
    decode: (bytes: Uint8Array) => T;
    encode: (record: T) => Uint8Array;
    records: fc.Arbitrary<T>;
    /** How the names of its goldens begin. */
    golden: string;
  }>,
): Omit<FuzzTarget, 'name' | 'runs'> {
  const { decode, encode, records, golden } = params;
  return {
    read: decode,
    isRefusal,
    sound: fc.oneof(
      records.map((record) => ({
        bytes: Uint8Array.from(encode(record)),
        check: (read: unknown) => assert.deepStrictEqual(read, record),
      })),
      fc.constantFrom(...goldenRecords(golden)).map((bytes) => ({ bytes, check: () => undefined })),
    ),
    agree: (_, outcome) => {
      if ('refusal' in outcome) return;
      const record = outcome.value as T;
      assert.deepStrictEqual(decode(encode(record)), record);
    },
    warp: warpMsgpack,
    memory: MEMORY,
  };
}
