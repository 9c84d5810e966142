import { describe, expect, it } from 'vitest';
import { encodeDefinitions } from './definitions.ts';
import { decodeEventsRecord, encodeEventsRecord } from './events-record-codec.ts';
import { EventsRecordKind, IdentityKind, type DataRecord } from './events-record.ts';

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

describe('data records', () => {
  it('read back, also from a Buffer, whose columns are no Buffers', () => {
    const bytes = Buffer.from(encodeEventsRecord(SOUND));
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
    const bytes = encodeEventsRecord({ ...SOUND, ...change });
    expect(() => decodeEventsRecord(bytes)).toThrow(
      expect.objectContaining({ code: 'WIRE_CORRUPT' }),
    );
  });
});

function broken(): DataRecord['definitions'] {
  const { definitions } = SOUND;
  return { ...definitions, labelRefs: definitions.labelRefs.map((ref) => ref + 1) };
}
