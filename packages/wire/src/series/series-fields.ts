import { FINGERPRINT_BYTES } from '@millrace/model';
import { decodeFields } from '../fields/columns.ts';
import { PieceColumns, PieceNumber } from './piece-columns.ts';
import { EntryType } from './series-record.ts';
import { NOT_READ, ValueReader } from '../fields/value-reader.ts';

/** Where in a record the rows stand, and how many fields a piece has at least. */
const ROWS_FIELD = 14;
const PIECE_FIELDS = 18;

/**
 * The fields of a record of `metrics.series`, in which pieces are columns in place of rows. Where
 * something is not as a builder writes it they are rows as well: whoever reads those says what is
 * wrong.
 */
export function readSeriesFields(bytes: Uint8Array): unknown[] {
  const reader = new ValueReader(bytes);
  try {
    const fields: unknown[] = [];
    const length = reader.arrayLength();
    for (let i = 0; i < length; i += 1) {
      fields.push(i === ROWS_FIELD ? readRows(reader) : reader.value(1));
    }
    if (reader.isAtEnd) return fields;
  } catch (error) {
    if (error !== NOT_READ) throw error;
  }
  return decodeFields(bytes);
}

function readRows(reader: ValueReader): unknown[] {
  const groups: unknown[] = [];
  const length = reader.arrayLength();
  for (let i = 0; i < length; i += 1) {
    if (reader.arrayLength() !== 2) throw NOT_READ;
    const type = reader.number();
    const ofPieces = type === EntryType.final || type === EntryType.open;
    groups.push([type, ofPieces ? readPieces(reader) : reader.value(3)]);
  }
  return groups;
}

function readPieces(reader: ValueReader): PieceColumns {
  const length = reader.arrayLength();
  // A row has a byte for each field at least: more rows than that are a lie.
  if (length * PIECE_FIELDS > reader.left) throw NOT_READ;
  const pieces = new PieceColumns(length);
  for (let i = 0; i < length; i += 1) readPiece(reader, pieces);
  return pieces;
}

function readPiece(reader: ValueReader, pieces: PieceColumns): void {
  const fields = reader.arrayLength();
  if (fields < PIECE_FIELDS) throw NOT_READ;
  const edition = readCount(reader);
  const fingerprint = reader.byteString();
  if (fingerprint.length !== FINGERPRINT_BYTES) throw NOT_READ;
  const widthUs = readCount(reader);
  const startUs = reader.number();
  const piece = readCount(reader);
  const count = readCount(reader);
  const at = pieces.begin(fingerprint, reader.boolean());
  pieces.setNumber(at, PieceNumber.edition, edition);
  pieces.setNumber(at, PieceNumber.widthUs, widthUs);
  pieces.setNumber(at, PieceNumber.startUs, startUs);
  pieces.setNumber(at, PieceNumber.piece, piece);
  pieces.setNumber(at, PieceNumber.count, count);
  for (const which of OPTIONAL_NUMBERS) {
    if (!reader.isNull()) pieces.setNumber(at, which, reader.number());
  }
  const histogram = readBytes(reader);
  const distinct = readBytes(reader);
  const inputs = readBytes(reader);
  if (histogram ?? distinct ?? inputs) pieces.setSketches(at, { histogram, distinct, inputs });
  for (let field = PIECE_FIELDS; field < fields; field += 1) reader.value(4);
}

/** In the order of a row. */
const OPTIONAL_NUMBERS = [
  ...[PieceNumber.sum, PieceNumber.min, PieceNumber.max],
  ...[PieceNumber.first, PieceNumber.firstTimeUs, PieceNumber.last, PieceNumber.lastTimeUs],
  PieceNumber.increase,
] as const;

function readCount(reader: ValueReader): number {
  const number = reader.number();
  if (!Number.isSafeInteger(number) || number < 0) throw NOT_READ;
  return number;
}

function readBytes(reader: ValueReader): Uint8Array | undefined {
  return reader.isNull() ? undefined : reader.byteString();
}
