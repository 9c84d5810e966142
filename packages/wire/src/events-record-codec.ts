import { FINGERPRINT_BYTES, SampleFlag, SampleKind, TIME_US_MAX } from '@millrace/model';
import { encode } from '@msgpack/msgpack';
import {
  arrayField,
  bytesColumn,
  bytesOf,
  corruptRecord,
  countField,
  decodeFields,
  float64Column,
  numberField,
  pairsField,
  settingsField,
  stringField,
  textsField,
  timeField,
  uint32Column,
  unknownVersion,
} from './columns.ts';
import {
  EVENTS_RECORD_VERSION,
  EventsRecordKind,
  IdentityKind,
  type BarrierRecord,
  type DataRecord,
  type EventsRecord,
  type MetricMetadata,
} from './events-record.ts';

/*
 * A record is one MessagePack array, the version first, then the kind:
 *
 *   log      [1, 0, logId bin16]
 *   data     [1, 1, tenant, protocol,
 *             identity kind, identity bin16 or bin0, part, refused u32[],
 *             receiver bin8, sequence, cumulative samples, receivedAt µs, sample count,
 *             fingerprints 16 B each, kinds u8[],
 *             symbols bin, symbol lengths u32[], label counts u8[], label refs u32[],
 *             series index u32[]   (empty: sample i is of series i),
 *             times f64[]          (one: all samples have it),
 *             values f64[], flags u8[] (empty: all are 0),
 *             ids [str], start times f64[], histograms [bin], exemplars [[…]], metadata [[…]],
 *             acknowledged samples, acknowledged from]
 *            (the last two are absent in older logs: 0 and -1)
 *   tick     [1, 2, receivedAt µs]
 *   barrier  [1, 3, number, fold version, settings {…}, rules {…}, after, partitions]
 *            (the last two are absent in older logs: 0)
 *
 * Columns are byte strings of little-endian values: a reader takes them as typed arrays, and one
 * that knows the fingerprints never touches the symbols.
 */

/** The bytes of a record. They do not share memory with it. */
export function encodeEventsRecord(record: EventsRecord): Uint8Array {
  const head = [EVENTS_RECORD_VERSION, record.kind];
  switch (record.kind) {
    case EventsRecordKind.log:
      return encode([...head, Buffer.from(record.logId, 'hex')]);
    case EventsRecordKind.tick:
      return encode([...head, record.receivedAtUs]);
    case EventsRecordKind.barrier:
      return encode([...head, ...barrierFields(record)]);
    case EventsRecordKind.data:
      return encode([...head, ...dataFields(record)]);
  }
}

function barrierFields(record: BarrierRecord): unknown[] {
  const { number, foldVersion, settings, rules, after, partitions } = record;
  return [number, foldVersion, settings, rules, after, partitions];
}

function dataFields(record: DataRecord): unknown[] {
  const { definitions } = record;
  const samples = record.values.length;
  return [
    record.tenant,
    record.protocol,
    record.identityKind,
    record.identity,
    record.part,
    bytesOf(record.refused),
    Buffer.from(record.receiver, 'hex'),
    record.sequence,
    record.cumulativeSamples,
    record.receivedAtUs,
    samples,
    record.fingerprints,
    record.kinds,
    definitions.symbolBytes,
    bytesOf(definitions.symbolLengths),
    definitions.labelCounts,
    bytesOf(definitions.labelRefs),
    bytesOf(isOnePerSeries(record) ? EMPTY_U32 : record.seriesIndex),
    bytesOf(isConstant(record.times) ? record.times.subarray(0, 1) : record.times),
    bytesOf(record.values),
    record.flags.some((flag) => flag !== 0) ? record.flags : EMPTY_U8,
    record.ids,
    bytesOf(record.startTimes),
    record.histograms,
    record.exemplars.map((e) => [e.seriesIndex, e.timeUs, e.value, e.labels.flat()]),
    record.metadata.map((m) => [m.metric, m.type, m.help, m.unit]),
    record.acknowledgedSamples,
    record.acknowledgedFrom,
  ];
}

const EMPTY_U8 = new Uint8Array(0);
const EMPTY_U32 = new Uint32Array(0);

function isOnePerSeries(record: DataRecord): boolean {
  if (record.seriesIndex.length !== record.kinds.length) return false;
  return record.seriesIndex.every((series, i) => series === i);
}

function isConstant(times: Float64Array): boolean {
  return times.length > 1 && times.every((time) => time === times[0]);
}

/** Reads a record. Its columns may share memory with `bytes`. */
export function decodeEventsRecord(bytes: Uint8Array): EventsRecord {
  const fields = decodeFields(bytes);
  if (fields[0] !== EVENTS_RECORD_VERSION) {
    throw unknownVersion('metrics.events', fields[0], EVENTS_RECORD_VERSION);
  }
  switch (fields[1]) {
    case EventsRecordKind.log:
      return { kind: EventsRecordKind.log, logId: hexField(fields[2], 'log id') };
    case EventsRecordKind.tick:
      return { kind: EventsRecordKind.tick, receivedAtUs: timeField(fields[2], 'receivedAt') };
    case EventsRecordKind.barrier:
      if (fields[5] === undefined) throw corruptRecord('it has no rules');
      return {
        kind: EventsRecordKind.barrier,
        number: countField(fields[2], 'barrier number'),
        foldVersion: countField(fields[3], 'fold version'),
        settings: settingsField(fields[4]),
        rules: fields[5],
        after: countField(fields[6] ?? 0, 'the version before'),
        partitions: countField(fields[7] ?? 0, 'partitions'),
      };
    case EventsRecordKind.data:
      return checked(decodeData(fields));
    default:
      throw corruptRecord(`it has the unknown kind ${String(fields[1])}`);
  }
}

function decodeData(fields: unknown[]): DataRecord {
  const samples = countField(fields[12], 'sample count');
  const values = float64Column(fields[21], 'values');
  // Before anything is made by it: columns are expanded to it below.
  if (samples !== values.length) {
    throw corruptRecord(`it has ${values.length} values of ${samples} samples`);
  }
  const kinds = bytesColumn(fields[14], 'kinds');
  return {
    kind: EventsRecordKind.data,
    tenant: stringField(fields[2], 'tenant'),
    protocol: stringField(fields[3], 'protocol'),
    identityKind: identityKindField(fields[4]),
    identity: bytesColumn(fields[5], 'identity'),
    part: countField(fields[6], 'part'),
    refused: uint32Column(fields[7], 'refused'),
    receiver: hexField(fields[8], 'receiver'),
    sequence: countField(fields[9], 'sequence'),
    cumulativeSamples: countField(fields[10], 'cumulative samples'),
    acknowledgedSamples: countField(fields[28] ?? 0, 'acknowledged samples'),
    acknowledgedFrom: numberField(fields[29] ?? -1, 'acknowledged from'),
    receivedAtUs: timeField(fields[11], 'receivedAt'),
    fingerprints: bytesColumn(fields[13], 'fingerprints'),
    kinds,
    definitions: {
      symbolBytes: bytesColumn(fields[15], 'symbols'),
      symbolLengths: uint32Column(fields[16], 'symbol lengths'),
      labelCounts: bytesColumn(fields[17], 'label counts'),
      labelRefs: uint32Column(fields[18], 'label refs'),
    },
    seriesIndex: expandIndex(uint32Column(fields[19], 'series index'), samples),
    times: expandTimes(float64Column(fields[20], 'times'), samples),
    values,
    flags: expandFlags(bytesColumn(fields[22], 'flags'), samples),
    ids: textsField(fields[23], 'ids'),
    startTimes: float64Column(fields[24], 'start times'),
    histograms: arrayField(fields[25], 'histograms').map((one) => bytesColumn(one, 'a histogram')),
    exemplars: arrayField(fields[26], 'exemplars').map(exemplar),
    metadata: arrayField(fields[27], 'metadata').map(metadata),
  };
}

function hexField(value: unknown, what: string): string {
  return Buffer.from(bytesColumn(value, what)).toString('hex');
}

function expandIndex(column: Uint32Array, samples: number): Uint32Array {
  if (column.length > 0 || samples === 0) return column;
  const index = new Uint32Array(samples);
  for (let i = 0; i < samples; i += 1) index[i] = i;
  return index;
}

function expandTimes(column: Float64Array, samples: number): Float64Array {
  return column.length === 1 && samples > 1
    ? new Float64Array(samples).fill(column[0] ?? 0)
    : column;
}

function expandFlags(column: Uint8Array, samples: number): Uint8Array {
  return column.length === 0 ? new Uint8Array(samples) : column;
}

function exemplar(value: unknown): DataRecord['exemplars'][number] {
  const [seriesIndex, timeUs, sampleValue, labels] = arrayField(value, 'exemplar');
  return {
    seriesIndex: countField(seriesIndex, 'exemplar series'),
    timeUs: timeField(timeUs, 'exemplar time'),
    value: numberField(sampleValue, 'exemplar value'),
    labels: pairsField(labels, 'exemplar labels'),
  };
}

function metadata(value: unknown): MetricMetadata {
  const [metric = '', type = '', help = '', unit = ''] = textsField(value, 'metadata');
  return { metric, type, help, unit };
}

function identityKindField(value: unknown): IdentityKind {
  const known = Object.values(IdentityKind).find((kind) => kind === value);
  if (known === undefined) throw corruptRecord(`its identity is of kind ${String(value)}`);
  return known;
}

/** Columns that do not fit one another would be read past their ends further on. */
function checked(record: DataRecord): DataRecord {
  const series = record.kinds.length;
  const samples = record.values.length;
  const { definitions } = record;
  const fits =
    record.fingerprints.length === series * FINGERPRINT_BYTES &&
    definitions.labelCounts.length === series &&
    record.seriesIndex.length === samples &&
    record.times.length === samples &&
    record.flags.length === samples &&
    isBelow(record.seriesIndex, series) &&
    isBelow(record.kinds, KINDS_END) &&
    isBelow(definitions.labelRefs, definitions.symbolLengths.length) &&
    sum(definitions.labelCounts) * 2 === definitions.labelRefs.length &&
    sum(definitions.symbolLengths) === definitions.symbolBytes.length &&
    fitsFlags(record) &&
    record.exemplars.every(({ seriesIndex }) => seriesIndex < series);
  if (!fits) throw corruptRecord('its columns do not fit one another');
  if (!areTimes(record.times)) throw corruptRecord('it has a time that is none');
  if (!isAscending(record.refused)) throw corruptRecord('its refused ordinals do not ascend');
  const identityBytes = record.identityKind === IdentityKind.none ? 0 : IDENTITY_BYTES;
  if (record.identity.length !== identityBytes) {
    throw corruptRecord(`its identity has ${record.identity.length} bytes`);
  }
  return record;
}

const IDENTITY_BYTES = 16;
const KINDS_END = Object.keys(SampleKind).length;

/** Whether each side column has one value for each sample with its flag. */
function fitsFlags({ flags, ids, startTimes, histograms }: DataRecord): boolean {
  let [withId, withStart, withHistogram] = [0, 0, 0];
  for (let i = 0; i < flags.length; i += 1) {
    const flag = flags[i]!;
    if (flag === 0) continue;
    if ((flag & SampleFlag.id) !== 0) withId += 1;
    if ((flag & SampleFlag.start) !== 0) withStart += 1;
    if ((flag & SampleFlag.histogram) !== 0) withHistogram += 1;
  }
  return (
    ids.length === withId && startTimes.length === withStart && histograms.length === withHistogram
  );
}

/** A NaN among the times would make every comparison further on come out false. */
function areTimes(times: Float64Array): boolean {
  for (let i = 0; i < times.length; i += 1) if (!(Math.abs(times[i]!) <= TIME_US_MAX)) return false;
  return true;
}

function isAscending(column: Uint32Array): boolean {
  for (let i = 1; i < column.length; i += 1) if (column[i - 1]! >= column[i]!) return false;
  return true;
}

function isBelow(column: Uint8Array | Uint32Array, bound: number): boolean {
  for (let i = 0; i < column.length; i += 1) if (column[i]! >= bound) return false;
  return true;
}

function sum(column: Uint8Array | Uint32Array): number {
  let total = 0;
  for (let i = 0; i < column.length; i += 1) total += column[i]!;
  return total;
}
