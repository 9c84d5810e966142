import type { LedgerTotals } from '@millrace/model';
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { decodeControlRecord, encodeControlRecord } from './control/control-record-codec.ts';
import {
  ControlRecordKind,
  type ControlRecord,
  type ControlRulesRecord,
} from './control/control-record.ts';
import { ROW_CODECS } from './series/entry-codec.ts';
import { decodeEventsRecord, encodeEventsRecord } from './events/events-record-codec.ts';
import {
  EventsRecordKind,
  IdentityKind,
  type BarrierRecord,
  type DataRecord,
  type EventsRecord,
} from './events/events-record.ts';
import { encodeDefinitions } from './events/definitions.ts';
import { DEFAULT_FOLD_SETTINGS } from './events/fold-settings.ts';
import { EntryType } from './series/series-record.ts';
import { encodeDataRecordV1 } from './testing/encode-data-record-v1.ts';
import { expectGolden, readGolden } from './testing/expect-golden.ts';

const T0 = 1_700_000_000_000_000;

const EVENTS: Record<string, EventsRecord> = {
  'events-v1-log': { kind: EventsRecordKind.log, logId: '00112233445566778899aabbccddeeff' },
  'events-v1-tick': { kind: EventsRecordKind.tick, receivedAtUs: T0 },
  'events-v1-barrier': {
    kind: EventsRecordKind.barrier,
    number: 1,
    foldVersion: 1,
    settings: DEFAULT_FOLD_SETTINGS,
    rules: { version: 1, rules: [] },
    after: 0,
    partitions: 0,
  },
  'events-v1-barrier-after': {
    kind: EventsRecordKind.barrier,
    number: 7,
    foldVersion: 1,
    settings: DEFAULT_FOLD_SETTINGS,
    rules: { version: 1, rules: [] },
    after: 4,
    partitions: 12,
  },
  'events-v2-barrier-candidates': {
    kind: EventsRecordKind.barrier,
    number: 9,
    foldVersion: 2,
    settings: DEFAULT_FOLD_SETTINGS,
    rules: { version: 1, rules: [] },
    after: 7,
    partitions: 12,
    candidates: [{ number: 9, rules: { version: 1, rules: [] } }],
  },
  'events-v1-data': {
    kind: EventsRecordKind.data,
    tenant: 'default',
    protocol: 'events.json',
    identityKind: IdentityKind.key,
    identity: Uint8Array.from({ length: 16 }, (_, i) => i),
    part: 2,
    refused: Uint32Array.of(1, 5),
    receiver: '0123456789abcdef',
    sequence: 42,
    cumulativeSamples: 1234,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    receivedAtUs: T0 + 5,
    fingerprints: Uint8Array.from({ length: 32 }, (_, i) => 255 - i),
    kinds: Uint8Array.of(0, 3),
    definitions: encodeDefinitions([
      [
        ['__name__', 'température'],
        ['job', 'a'],
      ],
      [
        ['__name__', 'orders'],
        ['job', 'a'],
      ],
    ]),
    seriesIndex: Uint32Array.of(0, 1, 1, 0, 0),
    times: Float64Array.of(T0, T0 + 1, T0 + 2, T0 + 3, T0 + 4),
    values: Float64Array.of(1.5, -Infinity, 3, NaN, 17),
    flags: Uint8Array.of(0, 16, 2, 1, 4 | 8),
    ids: ['order-1'],
    startTimes: Float64Array.of(T0 - 1),
    histograms: [Uint8Array.of(1, 2, 3)],
    exemplars: [{ seriesIndex: 0, timeUs: T0, value: 9, labels: [['trace_id', 'abc']] }],
    metadata: [{ metric: 'orders', type: 'counter', help: 'Orders.', unit: '' }],
  },
  'events-v1-columns-folded': {
    kind: EventsRecordKind.data,
    tenant: 'default',
    protocol: 'remote_write.v1',
    identityKind: IdentityKind.none,
    identity: new Uint8Array(0),
    part: 0,
    refused: new Uint32Array(0),
    receiver: '0123456789abcdef',
    sequence: 1,
    cumulativeSamples: 2,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    receivedAtUs: T0,
    fingerprints: new Uint8Array(32).fill(7),
    kinds: Uint8Array.of(4, 4),
    definitions: encodeDefinitions([[['__name__', 'a']], [['__name__', 'b']]]),
    seriesIndex: Uint32Array.of(0, 1),
    times: Float64Array.of(T0, T0),
    values: Float64Array.of(1, 2),
    flags: Uint8Array.of(0, 0),
    ids: [],
    startTimes: new Float64Array(0),
    histograms: [],
    exemplars: [],
    metadata: [],
  },
};

const settings = { ...DEFAULT_FOLD_SETTINGS, labelSetsMax: 5_000_000 };
for (const [name, before] of [
  ['events-v1-barrier-label-sets', 'events-v1-barrier-after'],
  ['events-v2-barrier-label-sets', 'events-v2-barrier-candidates'],
] as const) {
  EVENTS[name] = { ...(EVENTS[before] as BarrierRecord), settings };
}

EVENTS['events-v1-data-acknowledged'] = {
  ...(EVENTS['events-v1-data'] as DataRecord),
  acknowledgedSamples: 1200,
  acknowledgedFrom: 77,
};

EVENTS['events-v2-data'] = EVENTS['events-v1-data-acknowledged'];

EVENTS['events-v2-columns-folded'] = EVENTS['events-v1-columns-folded'] as DataRecord;

EVENTS['events-v2-some-defined'] = {
  ...(EVENTS['events-v1-data-acknowledged'] as DataRecord),
  fingerprints: Uint8Array.from({ length: 48 }, (_, i) => 200 - i),
  kinds: Uint8Array.of(0, 3, 1),
  definitions: encodeDefinitions(
    [
      [
        ['__name__', 'orders'],
        ['job', 'a'],
      ],
    ],
    Uint32Array.of(1),
  ),
};

EVENTS['events-v2-none-defined'] = {
  ...(EVENTS['events-v1-columns-folded'] as DataRecord),
  definitions: encodeDefinitions([]),
};

/** Written by a program of before: still read, not written any more. */
const ONLY_READ = [
  'events-v1-barrier',
  'events-v1-barrier-after',
  'events-v1-data',
  'events-v1-columns-folded',
  'events-v2-barrier-candidates',
  'control-v1-rules',
  'control-v2-rules',
  'control-v1-archive',
  'control-v1-archive-forgotten',
];

function encoded(name: string, record: EventsRecord): Uint8Array {
  const isOld = name.startsWith('events-v1') && record.kind === EventsRecordKind.data;
  return isOld ? encodeDataRecordV1(record) : encodeEventsRecord(record);
}

describe('records of metrics.events', () => {
  for (const [name, record] of Object.entries(EVENTS)) {
    it(`${name} keeps its bytes and reads back`, () => {
      const bytes = ONLY_READ.includes(name)
        ? readGolden(name)
        : expectGolden(name, encoded(name, record));
      expect(decodeEventsRecord(bytes)).toEqual(record);
    });
  }

  it('refuses other versions and columns that do not fit', () => {
    const bytes = encodeEventsRecord(EVENTS['events-v1-tick']!);
    bytes[1] = 9;
    expect(() => decodeEventsRecord(bytes)).toThrow(/version 9/);
    const data = EVENTS['events-v1-data'] as Extract<EventsRecord, { kind: 1 }>;
    const broken = encodeEventsRecord({ ...data, seriesIndex: Uint32Array.of(0, 9, 1, 0, 0) });
    expect(() => decodeEventsRecord(broken)).toThrow(/columns/);
    expect(() => decodeEventsRecord(Uint8Array.of(1, 2, 3))).toThrow(/MessagePack/);
  });
});

const CONTROL: Record<string, ControlRecord> = {
  'control-v1-log': {
    kind: ControlRecordKind.log,
    logId: '00112233445566778899aabbccddeeff',
    partitions: 12,
    firstNumber: 1_700_000_000_000,
  },
  'control-v1-edition': {
    kind: ControlRecordKind.edition,
    rule: { name: 'rollup', match: '{}' },
  },
  'control-v1-rules': {
    kind: ControlRecordKind.rules,
    after: 3,
    editions: [1, 5],
    foldVersion: 1,
    settings: DEFAULT_FOLD_SETTINGS,
    source: 'rules: []',
    appliedAtUs: T0,
  },
  'control-v1-acknowledgement': {
    kind: ControlRecordKind.acknowledgement,
    losses: [{ partition: 3, logId: '00112233445566778899aabbccddeeff', samples: 70_000 }],
    note: 'disk replaced',
    acknowledgedAtUs: T0,
  },
  'control-v2-rules': {
    kind: ControlRecordKind.rules,
    after: 3,
    editions: [1, 5],
    foldVersion: 2,
    settings: DEFAULT_FOLD_SETTINGS,
    source: 'rules: []',
    appliedAtUs: T0,
    candidates: [
      { number: 3, editions: [2], source: '', sinceUs: Infinity },
      { number: 0, editions: [7, 8], source: 'rules: []', sinceUs: T0 - 1 },
    ],
  },
  'control-v2-rules-rate': {
    kind: ControlRecordKind.rules,
    after: 3,
    editions: [1],
    foldVersion: 2,
    settings: DEFAULT_FOLD_SETTINGS,
    source: '',
    appliedAtUs: T0,
    candidates: [{ number: 0, editions: [7], source: '', sinceUs: T0, samplesPerSecondMax: 250 }],
  },
  'control-v1-jobs': {
    kind: ControlRecordKind.jobs,
    candidate: 9,
    isPaused: true,
    samplesPerSecondMax: 50_000,
    changedAtUs: T0,
  },
  'control-v1-archive': {
    kind: ControlRecordKind.archive,
    archiveId: '0123456789abcdef0123456789abcdef',
    where: 's3://bucket/millrace/',
    changedAtUs: T0,
  },
  'control-v1-archive-forgotten': {
    kind: ControlRecordKind.archive,
    archiveId: undefined,
    where: 's3://bucket/millrace/',
    changedAtUs: T0,
  },
};

for (const name of ['archive', 'archive-forgotten']) {
  CONTROL[`control-v3-${name}`] = CONTROL[`control-v1-${name}`]!;
}

for (const name of ['control-v1-rules', 'control-v2-rules']) {
  CONTROL[`${name}-label-sets`] = { ...(CONTROL[name] as ControlRulesRecord), settings };
}

describe('records of metrics.control', () => {
  for (const [name, record] of Object.entries(CONTROL)) {
    it(`${name} keeps its bytes and reads back`, () => {
      const bytes = ONLY_READ.includes(name)
        ? readGolden(name)
        : expectGolden(name, encodeControlRecord(record));
      expect(decodeControlRecord(bytes)).toEqual(record);
    });
  }

  it('lets programs that know of no archive say that a newer one wrote it', () => {
    // They read up to 2, of whatever kind, and call a kind that they do not know damaged.
    const [, version] = encodeControlRecord(CONTROL['control-v3-archive']!);
    expect(version).toBeGreaterThan(2);
    expect(encodeControlRecord(CONTROL['control-v2-rules']!)[1]).toBe(2);
  });

  it('refuses other versions and kinds', () => {
    const bytes = encodeControlRecord(CONTROL['control-v1-log']!);
    bytes[1] = 9;
    expect(() => decodeControlRecord(bytes)).toThrow(/version 9/);
    bytes[1] = 1;
    bytes[2] = 100;
    expect(() => decodeControlRecord(bytes)).toThrow(/kind 100/);
  });
});

it('totals of a ledger read back, with and without what fold version 1 does not tell', () => {
  const counts = { accepted: 9, stored: 2, duplicate: 1, conflict: 1, dropped: 2, unverified: 0 };
  const first: LedgerTotals = { tenant: 'default', ...counts, deadLetter: 0 };
  const second: LedgerTotals = {
    ...first,
    lost: 3,
    droppedBy: [
      ['a', 1],
      ['b', 1],
    ],
  };
  const { toRow, fromRow } = ROW_CODECS[EntryType.ledger];
  const entry = { totals: [first, second], partitionTimeUs: T0, watermarkUs: T0 - 1, position: 4 };
  const row = toRow(entry);
  expect((row[0] as unknown[][]).map((totals) => totals.length)).toEqual([8, 10]);
  expect(fromRow(decode(encode(row)) as unknown[])).toEqual(entry);
});

it('what begins and ends an edition reads back, also from records of before', () => {
  const entry = {
    edition: 7,
    rule: 'requests',
    definition: '{}',
    widthsUs: [60_000_000],
    aggregates: ['sum'],
    fromPosition: 12,
    fromPartitionTimeUs: T0,
    fromLargestTimeUs: T0 + 5,
    partitions: 4,
  };
  const { toRow, fromRow } = ROW_CODECS[EntryType.edition];
  expect(fromRow(toRow(entry))).toEqual(entry);
  const before = toRow(entry).slice(0, 7);
  expect(fromRow(before)).toEqual({ ...entry, fromLargestTimeUs: T0, partitions: 0 });
  const end = { edition: 3, position: 12, untilUs: T0 };
  const ends = ROW_CODECS[EntryType.editionEnd];
  expect(ends.fromRow(ends.toRow(end))).toEqual(end);
  const ofCandidate = { ...entry, candidate: 9 };
  expect(fromRow(toRow(ofCandidate))).toEqual(ofCandidate);
  const job = {
    ...{ candidate: 9, position: 12, partitions: 4 },
    editions: [{ edition: 7, fromUs: [T0, T0 - 5] }],
  };
  const jobs = ROW_CODECS[EntryType.jobEnd];
  expect(jobs.fromRow(decode(encode(jobs.toRow(job))) as unknown[])).toEqual(job);
});
