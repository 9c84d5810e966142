import type { LabelSet } from '@millrace/model';
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { encodeDefinitions } from './definitions.ts';
import { decodeEventsRecord, encodeEventsRecord } from './events-record-codec.ts';
import { EventsRecordKind, IdentityKind, type DataRecord } from './events-record.ts';
import { encodeDataRecordV1 } from '../testing/encode-data-record-v1.ts';

const SOUND: DataRecord = {
  kind: EventsRecordKind.data,
  tenant: 'default',
  protocol: 'test',
  identityKind: IdentityKind.key,
  identity: new Uint8Array(16),
  part: 0,
  refused: Uint32Array.of(1, 4),
  receiver: '0123456789abcdef',
  sequence: 1,
  cumulativeSamples: 3,
  acknowledgedSamples: 2,
  acknowledgedFrom: 1,
  receivedAtUs: 5,
  fingerprints: Uint8Array.from({ length: 32 }, (_, i) => i),
  kinds: Uint8Array.of(0, 3),
  definitions: encodeDefinitions([[['__name__', 'a']], [['__name__', 'b']]]),
  seriesIndex: Uint32Array.of(0, 1, 0),
  times: Float64Array.of(1, -2, 3),
  values: Float64Array.of(1, NaN, -0),
  flags: Uint8Array.of(4, 16, 8),
  ids: ['x'],
  startTimes: Float64Array.of(1),
  histograms: [Uint8Array.of(9)],
  exemplars: [{ seriesIndex: 1, timeUs: 2, value: 3, labels: [] }],
  metadata: [],
};

describe.each([
  ['version 1', encodeDataRecordV1],
  ['version 2', encodeEventsRecord],
])('data records of %s', (_version, encodeRecord) => {
  it('read back, also from a Buffer, whose columns are no Buffers', () => {
    const bytes = Buffer.from(encodeRecord(SOUND));
    const record = decodeEventsRecord(bytes) as DataRecord;
    expect(record).toEqual(SOUND);
    expect(Object.is(record.values[2], -0)).toBe(true);
    const fingerprint = record.fingerprints.slice(0, 16);
    bytes.fill(0);
    expect([...fingerprint]).toEqual([...SOUND.fingerprints.subarray(0, 16)]);
  });

  it.each<[string, Partial<DataRecord>]>([
    ['a series that is not there', { seriesIndex: Uint32Array.of(0, 2, 0) }],
    ['a kind that is not known', { kinds: Uint8Array.of(0, 5) }],
    ['fewer ids than flags', { ids: [] }],
    ['fewer start times than flags', { startTimes: new Float64Array(0) }],
    ['more histograms than flags', { histograms: [Uint8Array.of(9), Uint8Array.of(9)] }],
    ['an exemplar of no series', { exemplars: [{ ...SOUND.exemplars[0]!, seriesIndex: 2 }] }],
    ['a time that is NaN', { times: Float64Array.of(1, NaN, 3) }],
    ['a time that is no exact number', { times: Float64Array.of(1, 2 ** 53, 3) }],
    ['refused ordinals out of order', { refused: Uint32Array.of(4, 4) }],
    ['an identity that is too short', { identity: new Uint8Array(15) }],
    ['an identity of kind none', { identityKind: IdentityKind.none }],
    ['label references out of range', { definitions: broken() }],
  ])('with %s are refused', (_what, change) => {
    const bytes = encodeRecord({ ...SOUND, ...change });
    expect(() => decodeEventsRecord(bytes)).toThrow(
      expect.objectContaining({ code: 'WIRE_CORRUPT' }),
    );
  });
});

describe('data records of version 2', () => {
  it('keep every number as it is, -0 among them', () => {
    const exemplars = [-0, 0, 0.5, -1, 2 ** 40].map((value) => {
      return { seriesIndex: 1, timeUs: 2, value, labels: [] };
    });
    const bytes = encodeEventsRecord({ ...SOUND, exemplars });
    expect(decodeEventsRecord(bytes)).toEqual({ ...SOUND, exemplars });
  });

  it('take 24 bytes for a sample of a known series, 16 with its time when all have one', () => {
    const samples = 250;
    const known: DataRecord = {
      ...SOUND,
      refused: new Uint32Array(0),
      fingerprints: new Uint8Array(16 * samples),
      kinds: new Uint8Array(samples).fill(4),
      definitions: encodeDefinitions([]),
      seriesIndex: Uint32Array.from({ length: samples }, (_, i) => i),
      times: Float64Array.from({ length: samples }, () => 7),
      values: Float64Array.from({ length: samples }, (_, i) => i / 3),
      flags: new Uint8Array(samples),
      ids: [],
      startTimes: new Float64Array(0),
      histograms: [],
      exemplars: [],
    };
    const bytes = encodeEventsRecord(known);
    expect(bytes.length).toBeLessThan(24 * samples + 150);
    expect(decodeEventsRecord(bytes)).toEqual(known);
    const others = { ...known, times: Float64Array.from(known.values) };
    expect(encodeEventsRecord(others).length).toBeLessThan(32 * samples + 150);
    expect(decodeEventsRecord(encodeEventsRecord(others))).toEqual(others);
  });

  it.each<[string, number, number[]]>([
    ['a series that is not there', 1, [2]],
    ['one series twice', 2, [1, 1]],
    ['series out of order', 2, [1, 0]],
    ['fewer label sets than it says', 1, [0, 1]],
  ])('that define %s are refused', (_what, sets, rows) => {
    const labels = Array.from({ length: sets }, (): LabelSet => [['__name__', 'a']]);
    const definitions = encodeDefinitions(labels, Uint32Array.from(rows));
    const bytes = encodeEventsRecord({ ...SOUND, definitions });
    expect(() => decodeEventsRecord(bytes)).toThrow(
      expect.objectContaining({ code: 'WIRE_CORRUPT' }),
    );
  });

  it('with a field too many, too few, or bytes behind them are refused', () => {
    const fields = decode(encodeEventsRecord(SOUND)) as unknown[];
    const spoiled = [encode([...fields, 0]), encode(fields.slice(0, -1))];
    spoiled.push(Uint8Array.of(...encode(fields), 0));
    for (const bytes of spoiled) {
      expect(() => decodeEventsRecord(bytes)).toThrow(
        expect.objectContaining({ code: 'WIRE_CORRUPT' }),
      );
    }
    expect(decodeEventsRecord(encode(fields))).toEqual(SOUND);
  });

  it.each([
    ['has a key that is no text', [0x81, 0xc0, 0x01]],
    ['is a time of no known length', [0xd4, 0xff, 0x00]],
    ['holds such a map', [0x91, 0x81, 0xc0, 0x01]],
    ['holds such a time', [0x91, 0xd4, 0xff, 0x00]],
    ['is cut off', [0x92, 0x01]],
    ['claims more than there is', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['is a map', [0x81, 0xa1, 0x61, 0x01]],
  ])('of which a list %s are refused', (_what, list) => {
    const fields = decode(encodeEventsRecord(SOUND)) as unknown[];
    // Each of the lists in turn: whatever is in its place, and what lies before it stays.
    for (const place of [24, 26, 27, 28]) {
      const before = Buffer.concat(fields.slice(0, place).map((field) => encode(field)));
      const after = Buffer.concat(fields.slice(place + 1).map((field) => encode(field)));
      const bytes = Buffer.concat([Buffer.of(0xdc, 0, fields.length), before, Buffer.of(...list)]);
      expect(() => decodeEventsRecord(Buffer.concat([bytes, after]))).toThrow(
        expect.objectContaining({ code: 'WIRE_CORRUPT' }),
      );
    }
  });
});

function broken(): DataRecord['definitions'] {
  const { definitions } = SOUND;
  return { ...definitions, labelRefs: definitions.labelRefs.map((ref) => ref + 1) };
}
