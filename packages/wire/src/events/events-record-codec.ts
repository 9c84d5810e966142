import { encode } from '@msgpack/msgpack';
import type { ColumnRoom } from '../fields/column-room.ts';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  decodeFields,
  timeField,
  unknownVersion,
} from '../fields/columns.ts';
import { settingsField } from './fold-settings.ts';
import { decodeDataRecord, encodeDataRecord } from './data-record-codec.ts';
import { hexField } from './data-record-fields.ts';
import {
  EVENTS_RECORD_VERSION,
  EventsRecordKind,
  FIRST_EVENTS_RECORD_VERSION,
  type BarrierCandidate,
  type BarrierRecord,
  type EventsRecord,
} from './events-record.ts';
import { FieldReader } from '../fields/field-reader.ts';

/*
 * A record is one MessagePack array, the version first, then the kind:
 *
 *   log      [1, 0, logId bin16]
 *   data     [2, 1, …] or [1, 1, …] as in `data-record-codec.ts`
 *   tick     [1, 2, receivedAt µs]
 *   barrier  [1, 3, number, fold version, settings {…}, rules {…}, after, partitions]
 *            (the last two are absent in older logs: 0)
 *            or [2, 3, …, partitions, [[number, rules {…}]]] with candidates
 *
 * Only data records and barriers with candidates have a second version. The others did not change,
 * and stay readable to a program of before, which so finds out whose log it is and where it cannot
 * go on.
 * Columns are byte strings of little-endian values: a reader takes them as typed arrays, and one
 * that knows the fingerprints never touches the symbols.
 */

/** The bytes of a record. They do not share memory with it. */
export function encodeEventsRecord(record: EventsRecord): Uint8Array {
  switch (record.kind) {
    case EventsRecordKind.log:
      return encode([FIRST_EVENTS_RECORD_VERSION, record.kind, Buffer.from(record.logId, 'hex')]);
    case EventsRecordKind.tick:
      return encode([FIRST_EVENTS_RECORD_VERSION, record.kind, record.receivedAtUs]);
    case EventsRecordKind.barrier:
      return encode(barrierFields(record));
    case EventsRecordKind.data:
      return encodeDataRecord(record);
  }
}

function barrierFields(record: BarrierRecord): unknown[] {
  const { kind, number, foldVersion, settings, rules, after, partitions } = record;
  const { candidates = [] } = record;
  const fields = [kind, number, foldVersion, settings, rules, after, partitions];
  if (candidates.length === 0) return [FIRST_EVENTS_RECORD_VERSION, ...fields];
  return [EVENTS_RECORD_VERSION, ...fields, candidates.map((one) => [one.number, one.rules])];
}

/**
 * Reads a record. Its columns may share memory with `bytes`, or with others: read only. With a
 * room they are valid until the next record is read into it.
 */
export function decodeEventsRecord(bytes: Uint8Array, room?: ColumnRoom): EventsRecord {
  room?.reset();
  const fields = new FieldReader(bytes);
  const members = fields.members();
  if (members !== undefined && members > 1) {
    const version = fields.number();
    const isKnown = version === EVENTS_RECORD_VERSION || version === FIRST_EVENTS_RECORD_VERSION;
    if (isKnown && fields.number() === EventsRecordKind.data) {
      return decodeDataRecord(fields, { version, members }, room);
    }
  }
  return decodeControlling(decodeFields(bytes));
}

/** Records that say how to go on: there are few of them. */
function decodeControlling(fields: unknown[]): EventsRecord {
  const [version, kind] = fields;
  if (version !== FIRST_EVENTS_RECORD_VERSION && version !== EVENTS_RECORD_VERSION) {
    throw unknownVersion('metrics.events', version, EVENTS_RECORD_VERSION);
  }
  if (kind === EventsRecordKind.barrier) return decodeBarrier(fields);
  if (version !== FIRST_EVENTS_RECORD_VERSION) throw unknownKind(kind);
  switch (kind) {
    case EventsRecordKind.log:
      return { kind: EventsRecordKind.log, logId: hexField(bytesColumn(fields[2], 'log id')) };
    case EventsRecordKind.tick:
      return { kind: EventsRecordKind.tick, receivedAtUs: timeField(fields[2], 'receivedAt') };
    default:
      throw unknownKind(kind);
  }
}

function decodeBarrier(fields: unknown[]): BarrierRecord {
  if (fields[5] === undefined) throw corruptRecord('it has no rules');
  const record: BarrierRecord = {
    kind: EventsRecordKind.barrier,
    number: countField(fields[2], 'barrier number'),
    foldVersion: countField(fields[3], 'fold version'),
    settings: settingsField(fields[4]),
    rules: fields[5],
    after: countField(fields[6] ?? 0, 'the version before'),
    partitions: countField(fields[7] ?? 0, 'partitions'),
  };
  const candidates = arrayField(fields[8] ?? [], 'candidates').map(candidateField);
  return candidates.length === 0 ? record : { ...record, candidates };
}

function candidateField(value: unknown): BarrierCandidate {
  const [number, rules] = arrayField(value, 'a candidate');
  if (rules === undefined) throw corruptRecord('a candidate has no rules');
  return { number: countField(number, 'a version'), rules };
}

function unknownKind(kind: unknown): Error {
  return corruptRecord(`it has the unknown kind ${String(kind)}`);
}
