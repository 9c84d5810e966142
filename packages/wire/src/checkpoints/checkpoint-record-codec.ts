import { encode } from '@msgpack/msgpack';
import {
  CHECKPOINT_RECORD_VERSION,
  CheckpointRecordKind,
  type CheckpointChunkRecord,
  type CheckpointManifestRecord,
  type CheckpointRecord,
  type PagePiece,
} from './checkpoint-record.ts';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  decodeFields,
  numberField,
  stringField,
  unknownVersion,
} from '../fields/columns.ts';

/*
 * A record is one MessagePack array, the version first, then the kind:
 *
 *   chunk     [1, 0, checkpoint id bin16, index, [key, at, page bytes, bytes bin, key, at, ...]]
 *   manifest  [1, 1, checkpoint id bin16, logId bin16, log number, position, last digest bin16 or
 *              bin0, partition time µs, state version, fold version, page count, chunk count,
 *              pages' bytes, SHA-256 of the pages bin32, made at µs, offset of the first chunk]
 *
 * The pieces of a chunk lie flat, four fields each: an array for each would cost as much as small
 * pages have.
 */

const PIECE_FIELDS = 4;

/** The most that a chunk adds to the bytes and the key of one piece: headers and two numbers. */
export const PIECE_OVERHEAD_BYTES: number = 5 + 9 + 9 + 5;
/** The most that it adds beside its pieces. */
export const CHUNK_OVERHEAD_BYTES: number = 64;

/** The bytes of a record. */
export function encodeCheckpointRecord(record: CheckpointRecord): Uint8Array {
  const head = [CHECKPOINT_RECORD_VERSION, record.kind, bytesOfHex(record.checkpointId)];
  switch (record.kind) {
    case CheckpointRecordKind.chunk: {
      const flat: unknown[] = [];
      for (const piece of record.pieces) {
        flat.push(piece.key, piece.at, piece.pageBytes, piece.bytes);
      }
      return encode([...head, record.index, flat]);
    }
    case CheckpointRecordKind.manifest:
      return encode([
        ...head,
        bytesOfHex(record.logId),
        record.logNumber,
        record.position,
        bytesOfHex(record.lastDigest),
        record.partitionTimeUs,
        record.stateVersion,
        record.foldVersion,
        record.pageCount,
        record.chunkCount,
        record.pagesBytes,
        bytesOfHex(record.pagesDigest),
        record.madeAtUs,
        record.firstChunkOffset,
      ]);
  }
}

/**
 * Reads a record. The bytes of pieces share memory with `bytes`.
 *
 * @throws MillraceError (permanent) when a newer release wrote it, or when it is damaged.
 */
export function decodeCheckpointRecord(bytes: Uint8Array): CheckpointRecord {
  const fields = decodeFields(bytes);
  if (fields[0] !== CHECKPOINT_RECORD_VERSION) {
    throw unknownVersion('metrics.checkpoints', fields[0], CHECKPOINT_RECORD_VERSION);
  }
  switch (fields[1]) {
    case CheckpointRecordKind.chunk:
      return chunkOf(fields);
    case CheckpointRecordKind.manifest:
      return manifestOf(fields);
    default:
      throw corruptRecord(`it has the unknown kind ${String(fields[1])}`);
  }
}

function chunkOf(fields: readonly unknown[]): CheckpointChunkRecord {
  const flat = arrayField(fields[4], 'pieces');
  if (flat.length % PIECE_FIELDS !== 0) throw corruptRecord('a piece of a page is incomplete');
  const pieces: PagePiece[] = [];
  for (let i = 0; i < flat.length; i += PIECE_FIELDS) {
    pieces.push({
      key: stringField(flat[i], 'the key of a page'),
      at: countField(flat[i + 1], 'the place of a piece'),
      pageBytes: countField(flat[i + 2], 'the size of a page'),
      bytes: bytesColumn(flat[i + 3], 'a piece of a page'),
    });
  }
  return {
    kind: CheckpointRecordKind.chunk,
    checkpointId: hexField(fields[2], 'checkpoint id'),
    index: countField(fields[3], 'index'),
    pieces,
  };
}

function manifestOf(fields: readonly unknown[]): CheckpointManifestRecord {
  return {
    kind: CheckpointRecordKind.manifest,
    checkpointId: hexField(fields[2], 'checkpoint id'),
    logId: hexField(fields[3], 'log id'),
    logNumber: countField(fields[4], 'log number'),
    position: countField(fields[5], 'position'),
    lastDigest: hexField(fields[6], 'last digest'),
    partitionTimeUs: numberField(fields[7], 'partition time'),
    stateVersion: countField(fields[8], 'state version'),
    foldVersion: countField(fields[9], 'fold version'),
    pageCount: countField(fields[10], 'page count'),
    chunkCount: countField(fields[11], 'chunk count'),
    pagesBytes: countField(fields[12], "pages' bytes"),
    pagesDigest: hexField(fields[13], "pages' digest"),
    madeAtUs: numberField(fields[14], 'made at'),
    firstChunkOffset: numberField(fields[15], 'offset of the first chunk'),
  };
}

function hexField(value: unknown, what: string): string {
  const { buffer, byteOffset, byteLength } = bytesColumn(value, what);
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}

function bytesOfHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
