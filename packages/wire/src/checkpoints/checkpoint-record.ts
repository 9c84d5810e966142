import type { TimeUs } from '@millrace/model';

export const CHECKPOINT_RECORD_VERSION = 1;

/** Kinds of records in `metrics.checkpoints`. On the wire: never renumber. */
export const CheckpointRecordKind = { chunk: 0, manifest: 1 } as const;

/** A page of the state, or a piece of one that is larger than a chunk. */
export interface PagePiece {
  key: string;
  /** Where in the page its bytes belong. */
  at: number;
  /** Of the whole page. */
  pageBytes: number;
  bytes: Uint8Array;
}

/** A portion of a checkpoint's pages. Means nothing before a manifest names its checkpoint. */
export interface CheckpointChunkRecord {
  kind: typeof CheckpointRecordKind.chunk;
  /** 16 bytes as hex. */
  checkpointId: string;
  /** 0, 1, 2 ... within the checkpoint. An index that comes again is the same chunk again. */
  index: number;
  pieces: PagePiece[];
}

/** What a checkpoint is of and what belongs to it; the checkpoint is complete when this is there. */
export interface CheckpointManifest {
  /** 16 bytes as hex. */
  checkpointId: string;
  /** Of `metrics.events`. */
  logId: string;
  logNumber: number;
  /** The next offset of the events partition to fold. */
  position: number;
  /** Digest of the record before the position; empty when there was none. */
  lastDigest: string;
  partitionTimeUs: TimeUs;
  stateVersion: number;
  /** 0: no rules were in force yet. */
  foldVersion: number;
  pageCount: number;
  chunkCount: number;
  /** Of all pages together. */
  pagesBytes: number;
  /** SHA-256 as hex over all pages, in the order of the chunks. */
  pagesDigest: string;
  madeAtUs: TimeUs;
  /** Offset of the first chunk, in the checkpoints partition; -1 when there is none. */
  firstChunkOffset: number;
}

export interface CheckpointManifestRecord extends CheckpointManifest {
  kind: typeof CheckpointRecordKind.manifest;
}

export type CheckpointRecord = CheckpointChunkRecord | CheckpointManifestRecord;
