import { SampleKind } from '@millrace/model';
import { expect, it } from 'vitest';
import { ColumnRoom } from './column-room.ts';
import { encodeDefinitions } from '../events/definitions.ts';
import { decodeEventsRecord, encodeEventsRecord } from '../events/events-record-codec.ts';
import { EventsRecordKind, IdentityKind, type DataRecord } from '../events/events-record.ts';

const T0 = 1_700_000_000_000_000;

/** Samples of one series at times of their own. */
function recordOf(samples: number): DataRecord {
  const steps = Array.from({ length: samples }, (_, i) => i);
  return {
    kind: EventsRecordKind.data,
    tenant: 'default',
    protocol: 'remote_write.v1',
    identityKind: IdentityKind.none,
    identity: new Uint8Array(0),
    part: 0,
    refused: new Uint32Array(0),
    receiver: '0123456789abcdef',
    sequence: 1,
    cumulativeSamples: samples,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    receivedAtUs: T0,
    fingerprints: new Uint8Array(32).fill(7),
    kinds: Uint8Array.of(SampleKind.gauge, SampleKind.gauge),
    definitions: encodeDefinitions([]),
    seriesIndex: Uint32Array.from(steps, (i) => i % 2),
    times: Float64Array.from(steps, (i) => T0 + i),
    values: Float64Array.from(steps, (i) => i / 4),
    flags: new Uint8Array(samples),
    ids: [],
    startTimes: new Float64Array(0),
    histograms: [],
    exemplars: [],
    metadata: [],
  };
}

it('records are read into one room, whatever there was room for before', () => {
  const room = new ColumnRoom();
  // Of the third one the values, of the fourth each of the columns is more than the room had.
  for (const samples of [3, 3000, 5000, 200_000, 1, 2000]) {
    const record = recordOf(samples);
    const read = decodeEventsRecord(encodeEventsRecord(record), room) as DataRecord;
    for (const column of ['seriesIndex', 'times', 'values', 'kinds'] as const) {
      const isSame = bytesOf(read[column]).equals(bytesOf(record[column]));
      expect(isSame, `${column} of ${samples} samples`).toBe(true);
    }
  }
});

it('columns of one record never lie upon one another', () => {
  const room = new ColumnRoom(16);
  const columns = [
    room.bytes(3).fill(1),
    room.words(3).fill(2),
    room.floats(1).fill(3),
    room.bytes(1000).fill(4),
    room.floats(1000).fill(5),
    room.words(0),
  ];
  expect(columns.map((column) => new Set(column))).toEqual([
    new Set([1]),
    new Set([2]),
    new Set([3]),
    new Set([4]),
    new Set([5]),
    new Set(),
  ]);
});

function bytesOf(column: ArrayBufferView): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength);
}
