import { FINGERPRINT_BYTES } from '@millrace/model';
import { checkDataRecord } from './check-data-record.ts';
import type { ColumnRoom } from '../fields/column-room.ts';
import {
  bytesColumn,
  bytesOf,
  corruptRecord,
  countField,
  float64Column,
  textsField,
  timeField,
  uint32Column,
} from '../fields/columns.ts';
import {
  acknowledgedFromField,
  exemplarField,
  exemplarRow,
  hexField,
  identityKindField,
  metadataField,
  metadataRow,
} from './data-record-fields.ts';
import {
  EVENTS_RECORD_VERSION,
  EventsRecordKind,
  FIRST_EVENTS_RECORD_VERSION,
  type DataRecord,
  type Definitions,
} from './events-record.ts';
import type { FieldReader } from '../fields/field-reader.ts';
import { FieldWriter } from '../fields/field-writer.ts';
import {
  ascendingFromZero,
  isAscendingFromZero,
  isConstant,
  isZero,
  onlyZeros,
} from '../fields/folded-columns.ts';

/*
 *   data  [2, 1, tenant, protocol,
 *          identity kind, identity bin16 or bin0, part, refused u32[],
 *          receiver bin8, sequence, cumulative samples, receivedAt µs, sample count,
 *          fingerprints 16 B each,
 *          kinds u8[]           (one: all series are of it),
 *          defined u32[]: the numbers of the series whose labels follow, ascending,
 *          symbols bin, symbol lengths u32[], label counts u8[], label refs u32[],
 *          series index u32[]   (empty: sample i is of series i),
 *          times f64[]          (one: all samples have it),
 *          values f64[],
 *          flags u8[]           (empty: all are 0),
 *          ids [str], start times f64[], histograms [bin], exemplars [[…]], metadata [[…]],
 *          acknowledged samples, acknowledged from]
 *
 * The first version was written before series could be left undefined: it has no `defined`, for it
 * defines all of its series, and folds no `kinds`. In older logs it also lacks the last two fields,
 * which are 0 and -1 then.
 *
 * So a sample of a series that the log knows takes 24 bytes, or 16 and 8 of its series and value
 * when all have one time. There are thousands of such records a second: no list of fields is made
 * of one, and what is folded is not looked at sample by sample.
 */

const FIELDS = 31;
const FIELDS_OF_FIRST: readonly number[] = [28, 30];
const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Uint32Array(0);
const NO_NUMBERS = new Float64Array(0);

/** Used from record to record; what it holds is copied out before the next one. */
const writer = new FieldWriter();

/** The bytes of a data record, in memory that `room` gives. They share none with it. */
export function encodeDataRecord(
  record: DataRecord,
  room?: (bytes: number) => Uint8Array,
): Uint8Array {
  const { definitions, kinds, seriesIndex, times, flags } = record;
  const isOnePerSeries = seriesIndex.length === kinds.length && isAscendingFromZero(seriesIndex);
  writer.reset();
  writer.array(FIELDS);
  writer.number(EVENTS_RECORD_VERSION);
  writer.number(record.kind);
  writer.text(record.tenant);
  writer.text(record.protocol);
  writer.number(record.identityKind);
  writer.bytes(record.identity);
  writer.number(record.part);
  writer.bytes(bytesOf(record.refused));
  writer.bytes(Buffer.from(record.receiver, 'hex'));
  writer.number(record.sequence);
  writer.number(record.cumulativeSamples);
  writer.number(record.receivedAtUs);
  writer.number(record.values.length);
  writer.bytes(record.fingerprints);
  writer.bytes(isConstant(kinds) ? kinds.subarray(0, 1) : kinds);
  writer.bytes(bytesOf(definitions.rows));
  writer.bytes(definitions.symbolBytes);
  writer.bytes(bytesOf(definitions.symbolLengths));
  writer.bytes(definitions.labelCounts);
  writer.bytes(bytesOf(definitions.labelRefs));
  writer.bytes(isOnePerSeries ? NO_BYTES : bytesOf(seriesIndex));
  writer.bytes(bytesOf(isConstant(times) ? times.subarray(0, 1) : times));
  writer.bytes(bytesOf(record.values));
  writer.bytes(isZero(flags) ? NO_BYTES : flags);
  writer.list(record.ids);
  writer.bytes(bytesOf(record.startTimes));
  writer.list(record.histograms);
  writer.list(record.exemplars, exemplarRow);
  writer.list(record.metadata, metadataRow);
  writer.number(record.acknowledgedSamples);
  writer.number(record.acknowledgedFrom);
  return writer.take(room);
}

/**
 * Reads a data record of either version, up to whose kind it was read. Columns may share its
 * memory, or lie in the room.
 */
export function decodeDataRecord(
  fields: FieldReader,
  head: Readonly<{ version: number; members: number }>,
  room: ColumnRoom | undefined,
): DataRecord {
  const { version, members } = head;
  const isFirst = version === FIRST_EVENTS_RECORD_VERSION;
  const isWhole = isFirst ? FIELDS_OF_FIRST.includes(members) : members === FIELDS;
  if (!isWhole) throw corruptRecord(`it has ${members} fields`);
  const tenant = fields.text('tenant');
  const protocol = fields.text('protocol');
  const identityKind = identityKindField(fields.number());
  const identity = fields.bytes('identity');
  const part = countField(fields.number(), 'part');
  const refused = words(fields, 'refused');
  const receiver = hexField(fields.bytes('receiver'));
  const sequence = countField(fields.number(), 'sequence');
  const cumulativeSamples = countField(fields.number(), 'cumulative samples');
  const receivedAtUs = timeField(fields.number(), 'receivedAt');
  const samples = countField(fields.number(), 'sample count');
  const fingerprints = fields.bytes('fingerprints');
  const kinds = fields.bytes('kinds');
  const rows = isFirst ? ascendingFromZero(kinds.length) : words(fields, 'defined');
  const definitions = readDefinitions(fields, rows);
  const seriesIndex = words(fields, 'series index', room);
  const times = numbers(fields, 'times', room);
  const values = numbers(fields, 'values', room);
  // Before anything is made by it: columns are expanded to it below.
  if (samples !== values.length) {
    throw corruptRecord(`it has ${values.length} values of ${samples} samples`);
  }
  const flags = fields.bytes('flags');
  const series = fingerprints.length / FINGERPRINT_BYTES;
  const folded = {
    kinds: !isFirst && kinds.length === 1 && series > 1,
    seriesIndex: seriesIndex.length === 0,
    times: times.length === 1 && samples > 1,
    flags: flags.length === 0,
  };
  const hasAcknowledged = members !== FIELDS_OF_FIRST[0];
  const record: DataRecord = {
    kind: EventsRecordKind.data,
    tenant,
    protocol,
    identityKind,
    identity,
    part,
    refused,
    receiver,
    sequence,
    cumulativeSamples,
    receivedAtUs,
    fingerprints,
    kinds: folded.kinds ? bytesIn(room, Math.floor(series)).fill(kinds[0]!) : kinds,
    definitions,
    seriesIndex: folded.seriesIndex ? ascendingFromZero(samples) : seriesIndex,
    times: folded.times ? floatsIn(room, samples).fill(times[0]!) : times,
    values,
    flags: folded.flags ? onlyZeros(samples) : flags,
    ids: textsField(fields.list('ids'), 'ids'),
    startTimes: numbers(fields, 'start times'),
    histograms: fields.list('histograms').map((one) => bytesColumn(one, 'a histogram')),
    exemplars: fields.list('exemplars').map(exemplarField),
    metadata: fields.list('metadata').map(metadataField),
    acknowledgedSamples: hasAcknowledged ? countField(fields.number(), 'acknowledged samples') : 0,
    acknowledgedFrom: hasAcknowledged ? acknowledgedFromField(fields.number()) : -1,
  };
  fields.end();
  return checkDataRecord(record, folded);
}

function readDefinitions(fields: FieldReader, rows: Uint32Array): Definitions {
  return {
    rows,
    symbolBytes: fields.bytes('symbols'),
    symbolLengths: words(fields, 'symbol lengths'),
    labelCounts: fields.bytes('label counts'),
    labelRefs: words(fields, 'label refs'),
  };
}

function words(fields: FieldReader, what: string, room?: ColumnRoom): Uint32Array {
  const bytes = fields.bytes(what);
  if (bytes.length === 0) return NO_WORDS;
  if (room === undefined || bytes.length % 4 !== 0) return uint32Column(bytes, what);
  const column = room.words(bytes.length / 4);
  bytesOf(column).set(bytes);
  return column;
}

function numbers(fields: FieldReader, what: string, room?: ColumnRoom): Float64Array {
  const bytes = fields.bytes(what);
  if (bytes.length === 0) return NO_NUMBERS;
  if (room === undefined || bytes.length % 8 !== 0) return float64Column(bytes, what);
  const column = room.floats(bytes.length / 8);
  bytesOf(column).set(bytes);
  return column;
}

function floatsIn(room: ColumnRoom | undefined, length: number): Float64Array {
  return room === undefined ? new Float64Array(length) : room.floats(length);
}

function bytesIn(room: ColumnRoom | undefined, length: number): Uint8Array {
  return room === undefined ? new Uint8Array(length) : room.bytes(length);
}
