import { describe, expect, it } from 'vitest';
import { decodeCheckpointRecord, encodeCheckpointRecord } from './checkpoint-record-codec.ts';
import {
  CheckpointRecordKind,
  type CheckpointChunkRecord,
  type CheckpointManifestRecord,
} from './checkpoint-record.ts';
import { expectGolden } from '../testing/expect-golden.ts';

const CHECKPOINT_ID = '0123456789abcdef0123456789abcdef';

const CHUNK: CheckpointChunkRecord = {
  kind: CheckpointRecordKind.chunk,
  checkpointId: CHECKPOINT_ID,
  index: 3,
  pieces: [
    { key: 'header', at: 0, pageBytes: 4, bytes: new Uint8Array([1, 2, 3, 4]) },
    { key: 's12', at: 900_000, pageBytes: 900_002, bytes: new Uint8Array([5, 6]) },
    { key: 'empty', at: 0, pageBytes: 0, bytes: new Uint8Array(0) },
  ],
};

const MANIFEST: CheckpointManifestRecord = {
  kind: CheckpointRecordKind.manifest,
  checkpointId: CHECKPOINT_ID,
  logId: '00112233445566778899aabbccddeeff',
  logNumber: 2,
  position: 123_456_789_012,
  lastDigest: 'ffeeddccbbaa99887766554433221100',
  partitionTimeUs: 1_700_000_000_000_000,
  stateVersion: 1,
  foldVersion: 1,
  pageCount: 3,
  chunkCount: 4,
  pagesBytes: 900_006,
  pagesDigest: 'ab'.repeat(32),
  madeAtUs: 1_700_000_000_000_001,
  firstChunkOffset: 77,
};

describe('records of metrics.checkpoints', () => {
  it('keep their bytes and read back', () => {
    const chunk = expectGolden('checkpoints-v1-chunk', encodeCheckpointRecord(CHUNK));
    expect(decodeCheckpointRecord(chunk)).toEqual(CHUNK);
    const manifest = expectGolden('checkpoints-v1-manifest', encodeCheckpointRecord(MANIFEST));
    expect(decodeCheckpointRecord(manifest)).toEqual(MANIFEST);
  });

  it('keep what is empty or not there yet', () => {
    const empty = { ...MANIFEST, lastDigest: '', firstChunkOffset: -1, partitionTimeUs: 0 };
    expect(decodeCheckpointRecord(encodeCheckpointRecord(empty))).toEqual(empty);
  });

  it('are refused in other versions and kinds', () => {
    const bytes = encodeCheckpointRecord(CHUNK);
    bytes[1] = 9;
    expect(() => decodeCheckpointRecord(bytes)).toThrow(/version 9/);
    bytes[1] = 1;
    bytes[2] = 100;
    expect(() => decodeCheckpointRecord(bytes)).toThrow(/kind 100/);
  });

  it('are refused as damaged, and never read past their end', () => {
    for (const whole of [encodeCheckpointRecord(CHUNK), encodeCheckpointRecord(MANIFEST)]) {
      for (let bytes = 0; bytes < whole.length; bytes += 1) {
        const cut = whole.slice(0, bytes);
        expect(() => decodeCheckpointRecord(cut)).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^WIRE_/), kind: 'permanent' }),
        );
      }
    }
  });
});
