import { SampleKind, type Label } from '@millrace/model';
import { nearestWord } from '@millrace/runtime';
import { DecodeError } from '../samples/decode-error.ts';
import { quote } from '../samples/quote.ts';
import { BatchReader } from './batch-reader.ts';

/** A native columnar batch; packages/wire/batch.md draws its bytes. */
export interface Batch {
  producer: string;
  /** The random bytes of the session, each as a character. */
  session: string;
  sequence: number;
  table: BatchTable | undefined;
  samples: number;
  columns: BatchColumns;
}

/** Series that get numbers, one after the other. */
export interface BatchTable {
  /** The number of the first. */
  first: number;
  count: number;
  kindOf(entry: number): SampleKind;
  /** As sent: neither sorted nor checked. */
  labelsOf(entry: number): Label[];
  /** The bytes of the labels, an array of texts as MessagePack: from its place to the next one's. */
  bytes: Uint8Array;
  places: Uint32Array;
}

/** Where the columns lie in the body; all values are little-endian. */
export interface BatchColumns {
  view: DataView;
  /** A uint32 for each sample; -1: sample i is of series i. */
  seriesAt: number;
  /** An int64 for each sample, or one for all of them. */
  timesAt: number;
  isOneTime: boolean;
  /** A float64 for each sample. */
  valuesAt: number;
}

export interface BatchLimits {
  samplesMax: number;
  /** Series of one table. */
  tableMax: number;
}

export const DEFAULT_BATCH_LIMITS: BatchLimits = { samplesMax: 2_000_000, tableMax: 1_000_000 };

const VERSION = 1;
const PRODUCER_BYTES_MAX = 256;
const SESSION_BYTES_MIN = 8;
const SESSION_BYTES_MAX = 64;
/** More than any limit of labels lets through: what is too long is told series by series. */
const LABELS_MAX = 1024;
const TEXT_BYTES_MAX = 1024 * 1024;

const FIELDS = [
  'version',
  'producer',
  'session',
  'sequence',
  'table',
  'series',
  'times',
  'values',
] as const;
type Field = (typeof FIELDS)[number];
const TABLE_FIELDS = ['first', 'kinds', 'labels'] as const;

/**
 * Reads a batch. Its columns stay where they are, and its labels are read when they are asked for:
 * all that is allocated is for series that come for the first time.
 *
 * @throws DecodeError `malformed_batch`, `unsupported_version`, `invalid_utf8`,
 *   `unknown_kind`, `empty_request`, `too_many_samples`, `too_many_series`, `too_many_labels`.
 */
export function decodeBatch(body: Uint8Array, limits: BatchLimits = DEFAULT_BATCH_LIMITS): Batch {
  if (body.length === 0) throw new DecodeError('empty_request', 'the body is empty');
  const reader = new BatchReader(body);
  const columns: Partial<Record<'series' | 'times' | 'values', Column>> = {};
  let producer: string | undefined;
  let session: string | undefined;
  let sequence: number | undefined;
  let table: BatchTable | undefined;
  readFields(reader, FIELDS, (field: Field) => {
    switch (field) {
      case 'version':
        checkVersion(reader.uint('version'));
        break;
      case 'producer':
        producer = readProducer(reader);
        break;
      case 'session':
        session = readSession(reader);
        break;
      case 'sequence':
        sequence = reader.uint('sequence');
        break;
      case 'table':
        table = readTable(reader, limits);
        break;
      default:
        columns[field] = readColumn(reader, field);
    }
  });
  if (!reader.isAtEnd) throw reader.malformed('there is more behind the map');
  const { series, times, values } = columns;
  if (producer === undefined) throw missing('producer');
  if (session === undefined) throw missing('session');
  if (sequence === undefined) throw missing('sequence');
  if (times === undefined) throw missing('times');
  if (values === undefined) throw missing('values');
  const samples = values.count;
  if (samples === 0) throw new DecodeError('empty_request', 'it has no values');
  if (samples > limits.samplesMax) {
    throw new DecodeError('too_many_samples', `it has more than ${limits.samplesMax} samples`);
  }
  if (series !== undefined && series.count !== samples) throw unequal('series', series, samples);
  if (times.count !== 1 && times.count !== samples) throw unequal('times', times, samples);
  const at = { view: reader.view, timesAt: times.at, valuesAt: values.at };
  return {
    ...{ producer, session, sequence, table, samples },
    columns: { ...at, seriesAt: series?.at ?? -1, isOneTime: times.count === 1 },
  };
}

interface Column {
  at: number;
  count: number;
}

const WIDTHS = { series: 4, times: 8, values: 8 } as const;

function readColumn(reader: BatchReader, field: keyof typeof WIDTHS): Column {
  const length = reader.bin(field);
  const width = WIDTHS[field];
  if (length % width !== 0) {
    throw reader.malformed(`${field} has ${length} bytes, not a multiple of ${width}`);
  }
  return { at: reader.start, count: length / width };
}

function checkVersion(version: number): void {
  if (version === VERSION) return;
  throw new DecodeError('unsupported_version', `the version is ${version}, not ${VERSION}`);
}

function readProducer(reader: BatchReader): string {
  const producer = reader.text('producer', PRODUCER_BYTES_MAX);
  if (producer === '') throw reader.malformed('producer is empty');
  return producer;
}

function readSession(reader: BatchReader): string {
  const length = reader.bin('session');
  if (length < SESSION_BYTES_MIN || length > SESSION_BYTES_MAX) {
    const range = `${SESSION_BYTES_MIN} to ${SESSION_BYTES_MAX}`;
    throw reader.malformed(`session has ${length} bytes, not ${range}`);
  }
  const { buffer, byteOffset } = reader.bytes;
  return Buffer.from(buffer, byteOffset + reader.start, length).toString('latin1');
}

/** Passes the table, so that it is known to be whole, and notes where its labels are. */
function readTable(reader: BatchReader, limits: BatchLimits): BatchTable {
  let first: number | undefined;
  let kinds: Uint8Array | undefined;
  let places: Uint32Array | undefined;
  readFields(reader, TABLE_FIELDS, (field) => {
    switch (field) {
      case 'first':
        first = reader.uint('first');
        break;
      case 'kinds':
        kinds = readKinds(reader);
        break;
      case 'labels':
        places = passLabels(reader, limits);
    }
  });
  if (first === undefined) throw missing('first` in `table');
  if (kinds === undefined) throw missing('kinds` in `table');
  if (places === undefined) throw missing('labels` in `table');
  return tableOf({ bytes: reader.bytes, first, kinds, places });
}

function tableOf(
  params: Readonly<{ bytes: Uint8Array; first: number; kinds: Uint8Array; places: Uint32Array }>,
): BatchTable {
  const { bytes, first, kinds, places } = params;
  const count = places.length - 1;
  if (kinds.length !== 1 && kinds.length !== count) {
    throw new DecodeError(
      'malformed_batch',
      `there are ${kinds.length} kinds for ${count} series; give one for each, or one for all`,
    );
  }
  const reader = new BatchReader(bytes);
  return {
    first,
    count,
    kindOf: (entry) => (kinds.length === 1 ? kinds[0] : kinds[entry]) as SampleKind,
    labelsOf: (entry) => {
      reader.at = places[entry]!;
      const labels: Label[] = [];
      for (let left = reader.array('labels'); left > 0; left -= 2) {
        labels.push([reader.labelText(), reader.labelText()]);
      }
      return labels;
    },
    bytes,
    places,
  };
}

function readKinds(reader: BatchReader): Uint8Array {
  const length = reader.bin('kinds');
  const kinds = reader.bytes.subarray(reader.start, reader.start + length);
  const unknown = kinds.findIndex((kind) => kind > SampleKind.unknown);
  if (unknown < 0) return kinds;
  const detail = `the kind of series ${unknown} of the table is ${kinds[unknown]}`;
  throw new DecodeError('unknown_kind', detail);
}

/** Where the labels of each series begin, and the last ones end. */
function passLabels(reader: BatchReader, { tableMax }: BatchLimits): Uint32Array {
  const count = reader.array('labels');
  if (count > tableMax) {
    throw new DecodeError('too_many_series', `its table has more than ${tableMax} series`);
  }
  const places = new Uint32Array(count + 1);
  for (let entry = 0; entry < count; entry += 1) {
    places[entry] = reader.at;
    const texts = reader.array('the labels of a series');
    if (texts % 2 !== 0) throw reader.malformed('labels are no pairs of name and value');
    if (texts > LABELS_MAX * 2) {
      const detail = `series ${entry} of the table has more than ${LABELS_MAX} labels`;
      throw new DecodeError('too_many_labels', detail);
    }
    for (let text = 0; text < texts; text += 1) reader.passText('a label', TEXT_BYTES_MAX);
  }
  places[count] = reader.at;
  return places;
}

/** Passes a map, of which every key is known and comes once. */
function readFields<F extends string>(
  reader: BatchReader,
  known: readonly F[],
  read: (field: F) => void,
): void {
  const seen = new Set<F>();
  for (let left = reader.map('the batch or its table'); left > 0; left -= 1) {
    const key = reader.text('a key', KEY_BYTES_MAX);
    const field = known.find((name) => name === key);
    if (field === undefined) throw unknownField(key, known);
    if (seen.has(field)) throw reader.malformed(`${field} occurs twice`);
    seen.add(field);
    read(field);
  }
}

const KEY_BYTES_MAX = 256;

function unknownField(key: string, known: readonly string[]): DecodeError {
  const meant = nearestWord(key, known);
  const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
  return new DecodeError('malformed_batch', `the batch has a field ${quote(key)}; ${hint}`);
}

function missing(field: string): DecodeError {
  return new DecodeError('malformed_batch', `it has no \`${field}\``);
}

function unequal(field: string, { count }: Column, samples: number): DecodeError {
  const detail = `${field} is a column of ${count} for ${samples} values`;
  return new DecodeError('malformed_batch', detail);
}
